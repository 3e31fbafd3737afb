import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, type Step } from '../measure.ts';
import { versionOf } from './installed.ts';
import type { Subject } from './subject.ts';

/** Debian's containerd with a configuration of its own, driven by its `ctr`. */
export function containerd(): Subject | undefined {
  const version = versionOf('containerd', ['--version']);
  if (version === undefined) return undefined;
  let socket = '';
  let daemon: ChildProcess | undefined;
  let execs = 0;
  const step = (...args: string[]): Step => ({ argv: ['ctr', '--address', socket, ...args] });
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
      daemon = spawn('containerd', ['--config', config], { stdio: 'ignore' });
      for (let tries = 0; ; tries++) {
        try {
          await run(step('version'));
          return;
        } catch (error) {
          if (tries > 150 || daemon.exitCode !== null) throw error;
          await sleep(100);
        }
      }
    },
    async stop() {
      if (!daemon) return;
      const ended = new Promise((resolve) => daemon?.once('exit', resolve));
      daemon.kill('SIGTERM');
      await ended;
    },
    daemons: () => (daemon?.pid ? [daemon.pid] : []),
    pull: (image) => step('images', 'pull', '--plain-http', image),
    push: (image) => step('images', 'push', '--plain-http', image),
    tag: (image, name) => step('images', 'tag', image, name),
    remove: (image) => step('images', 'rm', '--sync', image),
    run: (image, command) => step('run', '--rm', image, 'bench-run', ...command),
    runDetached: (image, name, command) => step('run', '-d', image, name, ...command),
    exec: (name, command) => step('tasks', 'exec', '--exec-id', `e${execs++}`, name, ...command),
    removeContainer: (name) => ({
      argv: [
        'sh',
        '-c',
        `ctr --address ${socket} tasks kill -s KILL ${name}; sleep 0.3; ctr --address ${socket} tasks rm -f ${name}; ctr --address ${socket} containers rm ${name}`,
      ],
      expect: [0, 1],
    }),
    images: () => step('images', 'ls'),
    save: (image, file) => step('images', 'export', file, image),
    load: (file) => step('images', 'import', file),
  };
}
