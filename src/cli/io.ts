import type { Readable, Writable } from 'node:stream';

/** The world around a verb; tests inject their own. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** The terminal's size now; 80 by 24 where there is none. */
  readonly columns: number;
  readonly rows: number;
  /** Calls `listener` for each of `signals` until the result is disposed. */
  onSignal(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): Disposable;
}

/** This process's own world. Its streams are made when they are first touched. */
export function processIo(): Io {
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
    isTerminal: {
      get stdin() {
        return process.stdin.isTTY === true;
      },
      get stdout() {
        return process.stdout.isTTY === true;
      },
      get stderr() {
        return process.stderr.isTTY === true;
      },
    },
    get columns() {
      return process.stdout.columns || process.stderr.columns || 80;
    },
    get rows() {
      return process.stdout.rows || process.stderr.rows || 24;
    },
    onSignal(signals, listener) {
      for (const signal of signals) process.on(signal, listener);
      return {
        [Symbol.dispose]() {
          for (const signal of signals) process.off(signal, listener);
        },
      };
    },
  };
}
