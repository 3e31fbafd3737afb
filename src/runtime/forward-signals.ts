import { readText } from './record-file.ts';

/** Signals of a command in a terminal that are the container's: all that end or wake a program, but what the terminal itself needs. */
const PROXIED: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGALRM',
];

/** Passes signals on to the container's first process until disposed. One that comes before there is such a process is sent when there is. */
export function forwardSignals(pidFile: string): Disposable {
  const handlers = PROXIED.map((name) => {
    const handler = (): void => sendSignal(pidFile, name);
    process.on(name, handler);
    return { name, handler };
  });
  return {
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}

/** Signals the process whose pid the file holds, once it does: within two seconds or never. */
export function sendSignal(pidFile: string, name: NodeJS.Signals, attempt = 0): void {
  const pid = Number(readText(pidFile));
  if (pid > 0) {
    try {
      process.kill(pid, name);
    } catch {} // it has just ended
  } else if (attempt < 200) setTimeout(() => sendSignal(pidFile, name, attempt + 1), 10).unref();
}
