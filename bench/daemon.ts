import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, type Step } from './measure.ts';

/** A server that lives no longer than the bench, even when that is killed. */
export interface Daemon {
  readonly pid: number;
  /** Whether it ended of its own accord. */
  readonly ended: boolean;
  stop(): Promise<void>;
}

export function startDaemon(argv: readonly string[]): Daemon {
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...argv], { stdio: 'ignore', detached: true }); // out of a terminal's Ctrl-C
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    get ended() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    async stop() {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await exited;
      clearTimeout(force);
    },
  };
}

/** Asks until the daemon answers. */
export async function untilReady(question: Step, daemon: Daemon): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await run(question);
      return;
    } catch (error) {
      if (tries > 150 || daemon.ended) throw error;
      await sleep(100);
    }
  }
}
