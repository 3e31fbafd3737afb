import { join } from 'node:path';
import { type Daemon, startDaemon, untilReady } from '../daemon.ts';
import type { Step } from '../measure.ts';
import { versionOf } from './installed.ts';
import type { Subject } from './subject.ts';

/** Debian's docker.io with a data-root, a socket and a bridge of its own. */
export function dockerd(registry: string): Subject | undefined {
  const version = versionOf('dockerd', ['--version']);
  if (version === undefined) return undefined;
  let socket = '';
  let daemon: Daemon | undefined;
  const step = (...args: string[]): Step => ({ argv: ['docker', '--host', socket, ...args] });
  return {
    name: 'dockerd',
    version,
    async start(folder) {
      socket = `unix://${join(folder, 'docker.sock')}`;
      const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')];
      const network = ['--bridge=none', '--iptables=false', '--ip-masq=false', '--insecure-registry', registry];
      daemon = startDaemon(['dockerd', ...places, '-p', join(folder, 'docker.pid'), '-H', socket, ...network]);
      await untilReady(step('version'), daemon);
    },
    async stop() {
      await daemon?.stop();
    },
    daemons: () => (daemon ? [daemon.pid] : []),
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
