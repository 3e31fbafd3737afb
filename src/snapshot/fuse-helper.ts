/** Serves a union of directories on descriptor 3, which is /dev/fuse: `node fuse-helper.js UNION`, a {@link ServedUnion} as JSON. */
import { serveFuse } from '../fuse/index.ts';
import { openUnion } from '../union/index.ts';
import type { ServedUnion } from './fuse-server.ts';
import { inUserNamespace } from './user-namespace.ts';

const { layers, upper } = JSON.parse(process.argv[2] ?? '{}') as ServedUnion;
process.title = `strata fuse ${upper?.path ?? layers.at(-1)}`;
process.umask(0); // modes come with the umask of those who ask
// What is open here counts against whoever serves, not against those who opened it.
const union = openUnion({ layers: layers.map((path) => ({ path })), ...(upper && { upper }) });
void serveFuse(3, union, { passthrough: !inUserNamespace() }).then(() => {
  process.exit(0); // at once: nothing is to be put in order, and whoever unmounted may go on with the folders
});
