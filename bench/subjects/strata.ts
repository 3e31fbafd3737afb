import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Step } from '../measure.ts';
import type { Subject } from './subject.ts';

const program = join(import.meta.dirname, '../../bin/strata');

/** Ourselves; with a driver's name, on that driver. */
export function strata(driver?: string): Subject {
  let env: Record<string, string> = {};
  const step = (...args: string[]): Step => ({ argv: [program, ...args], env });
  return {
    name: driver ? `strata-${driver}` : 'strata',
    version: JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version,
    async start(folder) {
      env = { STRATA_ROOT: folder, ...(driver && { STRATA_DRIVER: driver }) };
      await run(step('images'));
    },
    async stop() {
      await run({ ...step('rm', '--force', '--all'), expect: [0, 1, 125] });
    },
    daemons: () => [],
    pull: (image) => step('pull', '--quiet', image),
    push: (image) => step('push', '--quiet', image),
    importTar: (file, image) => step('import', file, image),
    tag: (image, name) => step('tag', image, name),
    remove: (image) => step('rmi', '--force', image),
    run: (image, command) => step('run', '--rm', '--network', 'none', image, ...command),
    runDetached: (image, name, command) => step('run', '-d', '--network', 'none', '--name', name, image, ...command),
    runKept: (image, name, command) => step('run', '--network', 'none', '--name', name, image, ...command),
    exec: (name, command) => step('exec', name, ...command),
    removeContainer: (name) => step('rm', '--force', name),
    commit: (name, image) => step('commit', name, image),
    images: () => step('images'),
    save: (image, file) => step('save', '--output', file, image),
    load: (file) => step('load', '--quiet', '--input', file),
  };
}
