import { fstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Container } from './container.ts';
import { finishContainer } from './finish.ts';
import { bundleOf, logOf } from './folders.ts';
import { type Launch, launch, type MountableSnapshot } from './launch.ts';
import { LogWriter, type OutputStream } from './log-writer.ts';
import { exitCodeOfSignal } from './namespace-command.ts';
import { type OciRuntime, probeRuntime, runtimeArguments, runtimeErrors } from './oci-runtime.ts';
import { prepareBundle, recordStart, requireStartable } from './prepare-start.ts';
import { identify } from './process-identity.ts';
import { readText } from './record-file.ts';
import { startFailureCode } from './start-failure.ts';
import { removeAnonymousVolumes } from './volumes.ts';

export interface RunStreams {
  /** `none` is /dev/null. Our own by default where the container's stdin is open. */
  readonly stdin?: Readable | 'none';
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

export interface RunResult {
  readonly exitCode: number;
  /** Why the container never started: 125, 126 and 127 are docker's codes for that. */
  readonly error?: string;
}

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

/**
 * Runs a container while the caller waits, without a monitor: the OCI runtime is our child. Its streams are ours; what it writes is logged,
 * unless it is removed at its end. Should this process be killed, the container goes on, and whoever comes after its end records it.
 */
export async function runForeground(
  root: string,
  container: Container,
  snapshot: MountableSnapshot,
  {
    streams = {},
    proxySignals = true,
    signal,
  }: { streams?: RunStreams; proxySignals?: boolean; signal?: AbortSignal } = {},
): Promise<RunResult> {
  signal?.throwIfAborted();
  requireStartable(container);
  const runtime = await probeRuntime(root);
  const { folder, id } = container;
  const pidFile = join(bundleOf(folder), 'pid');
  const log = join(bundleOf(folder), 'runtime.log');
  const plan = planStreams(container, streams);
  using launched = await launch(container, snapshot, {
    steps: ['exec "$@" 3>&-'],
    args: [
      runtime.path,
      ...runtimeArguments(root, runtime, log),
      'run',
      '-b',
      bundleOf(folder),
      '--pid-file',
      pidFile,
      id,
    ],
    stdio: [plan.stdin, plan.stdout, plan.stderr, 'pipe'],
  });
  const { child } = launched;
  const ended = new Promise<number>((resolve) =>
    child.on('close', (code, name) => resolve(code ?? exitCodeOfSignal(name))),
  );
  using relay = plan.relay(launched);
  using _ = proxySignals ? forwardSignals(pidFile) : undefined;
  const kill = (): void => sendSignal(pidFile, 'SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    await go(root, container, runtime, launched);
  } catch (error) {
    launched.cancel();
    await ended;
    throw error;
  }
  const code = await ended;
  signal?.removeEventListener('abort', kill);
  relay[Symbol.dispose]();
  const failure = code === 0 ? undefined : runtimeErrors(log)[0];
  const result: RunResult =
    failure === undefined ? { exitCode: code } : { exitCode: startFailureCode(failure), error: failure };
  finishContainer(root, container, result);
  if (container.autoRemove) await removeAnonymousVolumes(root, container);
  signal?.throwIfAborted();
  return result;
}

async function go(
  root: string,
  container: Container,
  runtime: OciRuntime,
  { child, rootfs, proceed }: Launch,
): Promise<void> {
  await prepareBundle(root, container, runtime, rootfs);
  const [holder, watcher] = [identify(child.pid ?? 0), identify(process.pid)];
  recordStart(root, container, { monitored: false, ...(holder && { holder }), ...(watcher && { watcher }) });
  proceed();
}

interface StreamPlan {
  readonly stdin: 'ignore' | 'pipe' | number;
  readonly stdout: 'pipe' | number;
  readonly stderr: 'pipe' | number;
  relay(launched: Launch): Disposable;
}

/**
 * Streams are passed on as they are where nothing has to be logged and nothing of the host comes with them: a pipe or /dev/null. A terminal
 * or a file would let the container write to it beyond its output, through /proc/self/fd.
 */
function planStreams(container: Container, streams: RunStreams): StreamPlan {
  const logged = !container.autoRemove;
  const input = streams.stdin ?? (container.openStdin ? process.stdin : 'none');
  const stdin = input === 'none' ? 'ignore' : input === process.stdin && isPlain(0) ? 0 : 'pipe';
  const direct = (given: Writable | undefined, fd: number): 'pipe' | number =>
    !logged && given === undefined && isPlain(fd) ? fd : 'pipe';
  const [stdout, stderr] = [direct(streams.stdout, 1), direct(streams.stderr, 2)];
  return {
    stdin,
    stdout,
    stderr,
    relay({ child }) {
      const writer = logged ? new LogWriter(logOf(container.folder)) : undefined;
      if (stdout === 'pipe') pass(child.stdout as Readable, streams.stdout ?? process.stdout, 'stdout', writer);
      if (stderr === 'pipe') pass(child.stderr as Readable, streams.stderr ?? process.stderr, 'stderr', writer);
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

function pass(from: Readable, to: Writable, stream: OutputStream, writer: LogWriter | undefined): void {
  let broken = false;
  to.on('error', () => {
    broken = true; // nobody reads: the container goes on, and so does its log
    from.resume();
  });
  from.on('data', (chunk: Buffer) => {
    writer?.write(stream, chunk);
    if (broken || to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
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

/** Passes signals on to the container's first process until disposed. One that comes before there is such a process is sent when there is. */
function forwardSignals(pidFile: string): Disposable {
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

function sendSignal(pidFile: string, name: NodeJS.Signals, attempt = 0): void {
  const pid = Number(readText(pidFile));
  if (pid > 0) {
    try {
      process.kill(pid, name);
    } catch {} // it has just ended
  } else if (attempt < 200) setTimeout(() => sendSignal(pidFile, name, attempt + 1), 10).unref();
}
