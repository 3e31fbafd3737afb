import type { ChildProcess } from 'node:child_process';
import { fstatSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { printable } from '../std/index.ts';
import { LogWriter, type OutputStream } from './log-writer.ts';

export interface RunStreams {
  /** `none` is /dev/null. Our own by default where the container's stdin is open. */
  readonly stdin?: Readable | 'none';
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

export interface StreamPlan {
  readonly stdin: 'ignore' | 'pipe' | number;
  readonly stdout: 'pipe' | number;
  readonly stderr: 'pipe' | number;
  relay(child: ChildProcess): Disposable;
}

/**
 * Whether what comes on stderr is the OCI runtime's word on why it can't start the container. It repeats names from the image, in which control
 * characters are nothing that the container meant for a terminal.
 */
export interface Complaint {
  /** As long as the container may not have started. */
  mayBe(): boolean;
  is(): boolean;
}

/** Milliseconds between two looks whether it has started. */
const COMPLAINT_PATIENCE = 5;

/**
 * Streams are passed on as they are where nothing has to be logged and nothing of the host comes with them: a pipe or /dev/null. A terminal
 * or a file would let the container write to it beyond its output, through /proc/self/fd.
 */
export function planStreams(
  { openStdin, log, complaint }: { openStdin: boolean; log?: string | undefined; complaint?: Complaint },
  streams: RunStreams,
): StreamPlan {
  const logged = log !== undefined;
  const input = streams.stdin ?? (openStdin ? process.stdin : 'none');
  const stdin = input === 'none' ? 'ignore' : input === process.stdin && isPlain(0) ? 0 : 'pipe';
  const direct = (given: Writable | undefined, fd: number): 'pipe' | number =>
    !logged && given === undefined && isPlain(fd) ? fd : 'pipe';
  const [stdout, stderr] = [direct(streams.stdout, 1), direct(streams.stderr, 2)];
  return {
    stdin,
    stdout,
    stderr,
    relay(child) {
      const writer = logged ? new LogWriter(log) : undefined;
      if (stdout === 'pipe') pass(child.stdout as Readable, streams.stdout ?? process.stdout, 'stdout', writer);
      if (stderr === 'pipe')
        pass(child.stderr as Readable, streams.stderr ?? process.stderr, 'stderr', writer, complaint);
      const source = input === 'none' ? undefined : input;
      if (stdin === 'pipe' && child.stdin) {
        child.stdin.on('error', () => {}); // it reads no more
        source?.pipe(child.stdin);
      }
      let open = true;
      return {
        [Symbol.dispose]() {
          if (!open) return;
          open = false;
          if (stdin === 'pipe' && child.stdin) source?.unpipe(child.stdin);
          if (stdin === 'pipe' && source === process.stdin) process.stdin.pause();
          writer?.[Symbol.dispose]();
        },
      };
    },
  };
}

function pass(
  from: Readable,
  to: Writable,
  stream: OutputStream,
  writer: LogWriter | undefined,
  complaint?: Complaint,
): void {
  let broken = false;
  const onError = (): void => {
    broken = true; // nobody reads: the container goes on, and so does its log
    from.resume();
  };
  to.on('error', onError);
  from.on('close', () => setImmediate(() => to.off('error', onError)));
  const give = (chunk: Buffer): boolean => {
    writer?.write(stream, chunk);
    return broken || to.write(chunk);
  };
  const held = complaint && holdComplaints(complaint, give);
  from.on('data', (chunk: Buffer) => {
    if (held?.take(chunk) || give(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.on('end', () => held?.end());
}

/** Holds what comes before the container has started until it has, or until the runtime has ended instead and its words are made harmless. */
function holdComplaints(
  complaint: Complaint,
  give: (chunk: Buffer) => void,
): { take(chunk: Buffer): boolean; end(): void } {
  const held: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const release = (): void => {
    clearInterval(timer);
    timer = undefined;
    for (const chunk of held.splice(0)) give(chunk);
  };
  return {
    take(chunk) {
      if (!complaint.mayBe()) {
        release();
        return false;
      }
      held.push(chunk);
      timer ??= setInterval(() => complaint.mayBe() || release(), COMPLAINT_PATIENCE);
      return true;
    },
    end() {
      if (held.length > 0 && complaint.is())
        held.splice(0, held.length, Buffer.from(printable(Buffer.concat(held).toString('utf8'))));
      release();
    },
  };
}

function isPlain(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFIFO() || stats.isSocket() || (stats.isCharacterDevice() && stats.rdev === NULL_DEVICE);
  } catch {
    return false;
  }
}

/** `dev_t` of /dev/null: 1, 3. */
const NULL_DEVICE = 0x103;
