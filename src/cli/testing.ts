import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import type { Io } from './io.ts';

/** A world for tests: what was written, and a way to raise signals. */
export interface FakeIo extends Io {
  output(): string;
  errors(): string;
  /** Delivers a signal as the kernel would; false where nobody listens. */
  raise(signal: NodeJS.Signals): boolean;
  /** From now on standard output fails as a pipe without a reader does. */
  closeOutput(): void;
  resize(columns: number, rows: number): void;
}

/** An {@link Io} over strings. */
export function fakeIo({
  env = {},
  terminal = false,
  columns = 80,
  rows = 24,
  input = '',
}: {
  readonly env?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly input?: string;
} = {}): FakeIo {
  const written: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const signals = new EventEmitter();
  const size = { columns, rows };
  let closed = false;
  const sink = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (closed && name === 'stdout') {
          done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
          return;
        }
        written[name].push(chunk);
        done();
      },
    });
  const stdout = sink('stdout');
  return {
    stdin: Readable.from([Buffer.from(input)]),
    stdout,
    stderr: sink('stderr'),
    env,
    isTerminal: { stdin: terminal, stdout: terminal, stderr: terminal },
    get columns() {
      return size.columns;
    },
    get rows() {
      return size.rows;
    },
    onSignal(names, listener) {
      for (const name of names) signals.on(name, listener);
      return {
        [Symbol.dispose]() {
          for (const name of names) signals.off(name, listener);
        },
      };
    },
    output: () => Buffer.concat(written.stdout).toString(),
    errors: () => Buffer.concat(written.stderr).toString(),
    raise: (signal) => signals.emit(signal, signal),
    closeOutput() {
      closed = true;
    },
    resize(newColumns, newRows) {
      Object.assign(size, { columns: newColumns, rows: newRows });
      stdout.emit('resize');
    },
  };
}
