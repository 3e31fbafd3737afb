import { join } from 'node:path';
import { run, type Step } from '../measure.ts';
import { versionOf } from './installed.ts';
import type { Subject } from './subject.ts';

/** Debian's podman, as root, with storage of its own. */
export function podman(): Subject | undefined {
  const version = versionOf('podman', ['--version']);
  if (version === undefined) return undefined;
  let globals: string[] = [];
  const step = (...args: string[]): Step => ({ argv: ['podman', ...globals, ...args] });
  const limits = ['--ulimit', 'nofile=20000:20000', '--ulimit', 'nproc=1000:1000'];
  return {
    name: 'podman',
    version,
    async start(folder) {
      globals = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'overlay'];
      globals.push(
        '--cgroup-manager',
        'cgroupfs',
        '--runtime',
        'runc',
        '--events-backend',
        'file',
        '--tmpdir',
        join(folder, 'tmp'),
      );
      await run(step('info'));
    },
    async stop() {
      await run(step('rm', '--all', '--force', '--time', '0'));
    },
    daemons: () => [],
    pull: (image) => step('pull', '--quiet', '--tls-verify=false', image),
    push: (image) => step('push', '--quiet', '--tls-verify=false', image),
    importTar: (file, image) => step('import', file, image),
    tag: (image, name) => step('tag', image, name),
    remove: (image) => step('rmi', '--force', image),
    run: (image, command) => step('run', '--rm', '--network', 'none', ...limits, image, ...command),
    runDetached: (image, name, command) =>
      step('run', '-d', '--network', 'none', ...limits, '--name', name, image, ...command),
    runKept: (image, name, command) => step('run', '--network', 'none', ...limits, '--name', name, image, ...command),
    exec: (name, command) => step('exec', name, ...command),
    removeContainer: (name) => step('rm', '--force', '--time', '0', name),
    commit: (name, image) => step('commit', '--quiet', name, image),
    images: () => step('images'),
    save: (image, file) => step('save', '--quiet', '--output', file, image),
    load: (file) => step('load', '--quiet', '--input', file),
  };
}
