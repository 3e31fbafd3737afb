import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { EngineError, isErrno } from '../std/index.ts';
import { openAttachSocket, PACKET_STDERR } from './attach-sockets.ts';
import type { Container } from './container.ts';
import { DetachKeys } from './detach-keys.ts';
import { socketFolder } from './detached.ts';
import { bundleOf } from './folders.ts';

/** Milliseconds after which a terminal's size counts as final. */
const SETTLED = 60;

export interface AttachOptions {
  readonly stdin?: Readable | 'none';
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Docker's notation: `ctrl-p,ctrl-q`; empty for none. */
  readonly detachKeys?: string;
  readonly signal?: AbortSignal;
}

export interface Attachment {
  /** How it ended: the container did, or the user left it running. */
  readonly ended: Promise<'exited' | 'detached'>;
}

/**
 * Connects streams to a monitored container until it ends or the detach keys are typed. A terminal as stdin is set to raw mode for a container
 * with a terminal, and set back whatever happens; its size is followed. Conflict where no monitor listens.
 */
export function attachContainer(root: string, container: Container, options: AttachOptions = {}): Attachment {
  const { tty, openStdin, id, name } = container;
  const stdout = options.stdout ?? process.stdout;
  const stderr = options.stderr ?? process.stderr;
  const stdin = options.stdin ?? (openStdin ? process.stdin : 'none');
  const socket = connect(join(socketFolder(root), id, 'attach'), name, (kind, data) =>
    (kind === PACKET_STDERR ? stderr : stdout).write(data),
  );
  const keys = new DetachKeys(tty ? (options.detachKeys ?? 'ctrl-p,ctrl-q') : '');
  let detached = false;
  const leave = (): void => {
    detached = true;
    socket.close();
  };
  const onInput = (chunk: Buffer): void => {
    const { pass, detach } = keys.take(chunk);
    if (pass.length > 0) void socket.send(pass);
    if (detach) leave();
  };
  const onInputEnd = (): void => socket.endInput();
  const terminal = tty ? takeTerminal(container, stdin, stdout) : undefined;
  if (stdin !== 'none' && openStdin) stdin.on('data', onInput).on('end', onInputEnd);
  options.signal?.addEventListener('abort', leave, { once: true });
  const ended = socket.ended
    .finally(() => {
      options.signal?.removeEventListener('abort', leave);
      terminal?.[Symbol.dispose]();
      if (stdin !== 'none' && openStdin) {
        stdin.off('data', onInput).off('end', onInputEnd);
        stdin.pause();
      }
    })
    .then((): 'exited' | 'detached' => (detached ? 'detached' : 'exited'));
  return { ended };
}

/** Tells a container's terminal its size. One that has no terminal, or has ended, is left as it is. */
export function resizeContainer({ folder }: Container, { rows, columns }: { rows: number; columns: number }): void {
  try {
    const fifo = openSync(join(bundleOf(folder), 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fifo, `1 ${rows} ${columns}\n`); // conmon's message 1: a window size
    } finally {
      closeSync(fifo);
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENXIO', 'EAGAIN', 'EPIPE')) throw error;
  }
}

function connect(
  path: string,
  name: string,
  onData: (kind: number, data: Uint8Array) => void,
): ReturnType<typeof openAttachSocket> {
  try {
    return openAttachSocket(path, onData);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ECONNREFUSED')) throw error;
    throw new EngineError(
      'Conflict',
      `container ${name} can't be attached to: it does not run, or runs in the foreground of another command`,
      { cause: error },
    );
  }
}

/** Raw mode and size of the user's terminal, given back when disposed, or when the process ends by whatever way lets it say goodbye. */
function takeTerminal(container: Container, stdin: Readable | 'none', stdout: Writable): Disposable {
  const input = stdin !== 'none' && (stdin as ReadStream).isTTY ? (stdin as ReadStream) : undefined;
  const output = (stdout as WriteStream).isTTY ? (stdout as WriteStream) : undefined;
  const restore = (): void => {
    input?.setRawMode(false);
  };
  let again: NodeJS.Timeout | undefined;
  const resize = (bigger = 0): void => {
    if (!output) return;
    resizeContainer(container, { rows: output.rows + bigger, columns: output.columns + bigger });
    clearTimeout(again); // conmon takes the first of two sizes that it reads at once: the last is said once more when all is quiet
    again = setTimeout(
      () => resizeContainer(container, { rows: output.rows, columns: output.columns }),
      SETTLED,
    ).unref();
  };
  const onResize = (): void => resize();
  const onSignal = (signal: NodeJS.Signals): void => {
    restore();
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];
  input?.setRawMode(true);
  process.on('exit', restore);
  for (const signal of ENDING) process.on(signal, onSignal);
  output?.on('resize', onResize);
  resize(container.state.status === 'running' ? 1 : 0); // a shell shows its prompt to who comes back only where the size changes
  return {
    [Symbol.dispose]() {
      restore();
      process.off('exit', restore);
      for (const signal of ENDING) process.off(signal, onSignal);
      output?.off('resize', onResize);
      clearTimeout(again);
    },
  };
}
