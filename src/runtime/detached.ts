import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { EngineError } from '../std/index.ts';
import type { Container } from './container.ts';
import { readContainer } from './find-container.ts';
import { deleteFromRuntime, finishContainer } from './finish.ts';
import { bundleOf, logOf, runFolder } from './folders.ts';
import { requireProgram } from './host-tools.ts';
import { heard, type Launch, launch, type MountableSnapshot } from './launch.ts';
import { exitCodeOfSignal } from './namespace-command.ts';
import { type OciRuntime, probeRuntime, runtimeArguments, runtimeErrors } from './oci-runtime.ts';
import { announceStart, prepareBundle, recordStart, requireStartable } from './prepare-start.ts';
import { identify } from './process-identity.ts';
import { readText } from './record-file.ts';
import { makeRunFolder } from './run-folder.ts';
import { startFailureCode } from './start-failure.ts';

const SYNC = 4;

export interface DetachedOptions {
  /** What conmon runs at the container's end: the verb that calls {@link containerExited}, with its absolute program first. */
  readonly exitCommand: readonly string[];
  /** How often the restart policy started it again; 0 for a start by hand. */
  readonly restarts?: number;
  readonly backoff?: number;
  /** Keeps the container's stdin open when whoever is attached leaves, as a terminal always is; what is piped in by one command ends with it instead. */
  readonly leaveStdinOpen?: boolean;
  /** Called between creation and start of the container's process: who attaches now misses nothing. */
  readonly beforeStart?: () => Promise<void>;
}

/** The container could not start its process: docker's exit code beside the runtime's words. */
export class StartError extends EngineError {
  readonly exitCode: number;

  constructor(message: string) {
    const exitCode = startFailureCode(message);
    super('InvalidArgument', message, { details: { exitCode } });
    this.exitCode = exitCode;
  }
}

/**
 * Starts a container under conmon, which outlives this command, keeps the mount, writes the log, serves `attach` and runs the exit command.
 * Throws {@link StartError} where its process can't be started, Conflict where it runs already.
 */
export async function startDetached(
  root: string,
  container: Container,
  snapshot: MountableSnapshot,
  options: DetachedOptions,
): Promise<void> {
  using _starting = announceStart(container);
  const runtime = await probeRuntime(root);
  const log = join(bundleOf(container.folder), 'runtime.log');
  makeRunFolder(root);
  mkdirSync(socketFolder(root), { recursive: true, mode: 0o700 });
  using launched = await launch(container, snapshot, {
    steps: [
      `_OCI_SYNCPIPE=${SYNC} "$@" 3>&-`,
      `exec "$RUNTIME" --root "$RUNTIME_ROOT" --log "$RUNTIME_LOG" --log-format json start "$ID" 3>&- 4>&- 9<&-`,
    ],
    args: conmonCommand(root, container, runtime, {
      log,
      exitCommand: options.exitCommand,
      leaveStdinOpen: container.tty || (options.leaveStdinOpen ?? !options.beforeStart),
    }),
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: {
      RUNTIME: runtime.path,
      RUNTIME_ROOT: join(runFolder(root), runtime.name),
      RUNTIME_LOG: log,
      ID: container.id,
    },
  });
  const { child } = launched;
  const ended = new Promise<number>((resolve) =>
    child.on('exit', (code, name) => resolve(code ?? exitCodeOfSignal(name))),
  );
  try {
    requireUnstarted(root, container);
  } catch (error) {
    launched.cancel();
    await ended;
    throw error;
  }
  try {
    await deleteFromRuntime(root, container.id); // what a kill left of an earlier run
    await prepareBundle(root, container, runtime, launched.rootfs);
    launched.leaveRootfs();
    const pid = await create(launched, container, log);
    const [init, holder] = [identify(pid), identify(Number(readText(conmonPid(container))))];
    await options.beforeStart?.();
    recordStart(root, container, {
      monitored: true,
      pid,
      ...(init && { startTime: init.startTime }),
      ...(holder && { holder }),
      restarts: options.restarts ?? 0,
      ...(options.backoff !== undefined && { backoff: options.backoff }),
    });
    launched.proceed();
    if ((await ended) !== 0)
      throw new StartError(runtimeErrors(log)[0] ?? 'the OCI runtime could not start the container');
  } catch (error) {
    launched.cancel();
    await ended;
    await deleteFromRuntime(root, container.id);
    if (error instanceof StartError)
      finishContainer(root, container, { exitCode: error.exitCode, error: error.message });
    throw error;
  }
}

/** Looks again now that nobody else can start it: somebody may have while the lock was not ours yet, or removed it. */
function requireUnstarted(root: string, { id, name }: Container): void {
  const now = readContainer(root, id);
  if (!now) throw new EngineError('NotFound', `container ${name} was removed meanwhile`);
  requireStartable(now);
}

/** Has conmon create the container. Returns the pid of its process, which waits to be started. */
async function create({ child, proceed }: Launch, container: Container, log: string): Promise<number> {
  const again = heard(child, child.stdio[3] as Duplex, container);
  const created = firstLine(child.stdio[SYNC] as Duplex);
  proceed();
  await again;
  const answer = await created;
  const { data, message } = parseAnswer(answer);
  if (data > 0) return data;
  throw new StartError(runtimeErrors(log)[0] ?? (message?.trim() || `conmon ended without a word: ${answer}`));
}

function conmonCommand(
  root: string,
  { id, name, folder, tty, openStdin }: Container,
  runtime: OciRuntime,
  { log, exitCommand, leaveStdinOpen }: { log: string; exitCommand: readonly string[]; leaveStdinOpen: boolean },
): string[] {
  const bundle = bundleOf(folder);
  const [program, ...args] = exitCommand;
  return [
    requireProgram('conmon', 'conmon'),
    ...['--api-version', '1', '-c', id, '-u', id, '-n', name, '-r', runtime.path, '-b', bundle, '--log-level', 'error'],
    ...runtimeArguments(root, runtime, log).map((argument) => `--runtime-arg=${argument}`),
    ...[
      '-p',
      join(bundle, 'pid'),
      '-P',
      join(bundle, 'conmon.pid'),
      '--exit-dir',
      bundle,
      '--socket-dir-path',
      socketFolder(root),
    ],
    ...['-l', `k8s-file:${logOf(folder)}`],
    ...(tty ? ['-t'] : []),
    ...(openStdin ? ['-i', ...(leaveStdinOpen ? ['--leave-stdin-open'] : [])] : []),
    ...(program === undefined
      ? []
      : ['--exit-command', program, ...args.flatMap((argument) => ['--exit-command-arg', argument])]),
  ];
}

/** Where conmon puts a short way to each container's sockets. */
export function socketFolder(root: string): string {
  return join(runFolder(root), 's');
}

function conmonPid({ folder }: Container): string {
  return join(bundleOf(folder), 'conmon.pid');
}

function parseAnswer(text: string): { data: number; message?: string } {
  try {
    return JSON.parse(text) as { data: number; message?: string };
  } catch {
    return { data: -1 };
  }
}

function firstLine(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      stream.destroy();
      resolve(text);
    };
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('\n')) done();
    });
    stream.on('end', done).on('error', done);
  });
}

/** Whether conmon still has sockets for this container. */
export function isAttachable(root: string, { id }: Container): boolean {
  return existsSync(join(socketFolder(root), id, 'attach'));
}
