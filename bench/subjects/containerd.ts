import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Daemon, startDaemon, untilReady } from '../daemon.ts';
import { run, type Step } from '../measure.ts';
import { versionOf } from './installed.ts';
import type { Subject } from './subject.ts';

/** Debian's containerd with a configuration of its own, driven by its `ctr`. */
export function containerd(): Subject | undefined {
  const version = versionOf('containerd', ['--version']);
  if (version === undefined) return undefined;
  let socket = '';
  let daemon: Daemon | undefined;
  let execs = 0;
  const step = (...args: string[]): Step => ({ argv: ['ctr', '--address', socket, ...args] });
  const removal = (name: string): Step => ({
    argv: [
      'sh',
      '-c',
      'ctr --address "$1" tasks kill -s KILL "$2"; sleep 0.3; ctr --address "$1" tasks rm -f "$2"; ctr --address "$1" containers rm "$2"',
      'sh',
      socket,
      name,
    ],
    expect: [0, 1],
  });
  return {
    name: 'containerd',
    version,
    async start(folder) {
      socket = join(folder, 'containerd.sock');
      mkdirSync(folder, { recursive: true });
      const config = join(folder, 'config.toml');
      writeFileSync(
        config,
        `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`,
      );
      daemon = startDaemon(['containerd', '--config', config]);
      await untilReady(step('version'), daemon);
    },
    async stop() {
      if (!daemon) return;
      for (const name of (await run(step('containers', 'ls', '--quiet'))).split('\n').filter(Boolean))
        await run(removal(name));
      await daemon.stop();
    },
    daemons: () => (daemon ? [daemon.pid] : []),
    pull: (image) => step('images', 'pull', '--plain-http', image),
    push: (image) => step('images', 'push', '--plain-http', image),
    tag: (image, name) => step('images', 'tag', image, name),
    remove: (image) => step('images', 'rm', '--sync', image),
    run: (image, command) => step('run', '--rm', image, 'bench-run', ...command),
    runDetached: (image, name, command) => step('run', '-d', image, name, ...command),
    exec: (name, command) => step('tasks', 'exec', '--exec-id', `e${execs++}`, name, ...command),
    removeContainer: removal,
    images: () => step('images', 'ls'),
    save: (image, file) => step('images', 'export', file, image),
    load: (file) => step('images', 'import', file),
  };
}
