/** Serves an image that is not here yet on descriptor 3, which is /dev/fuse: `node lazy-helper.js PLAN`, the file of a `LazyServerPlan`. */
import { readFileSync } from 'node:fs';
import { serveLazy } from '../lazy/index.ts';
import { entryFile } from '../std/index.ts';
import type { LazyServerPlan } from './lazy-plan.ts';

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as LazyServerPlan;
Object.assign(process.env, plan.env);
process.title = `strata lazy ${plan.name}`;
process.umask(0); // modes come with the umask of those who ask
void serveLazy(3, plan, entryFile(import.meta.url, 'lazy-worker')).then(() => {
  process.exit(0); // at once: nothing is to be put in order, and whoever unmounted may go on with the folders
});
