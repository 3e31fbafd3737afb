import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, randomHex } from '../std/index.ts';
import { capabilitiesFor } from './capabilities.ts';
import type { Container } from './container.ts';
import { containerEvent } from './container-event.ts';
import { requireRunning } from './control.ts';
import { bundleOf } from './folders.ts';
import { forwardSignals, sendSignal } from './forward-signals.ts';
import { CLEAN_ENV } from './host-tools.ts';
import { mergeEnv } from './merge-options.ts';
import { exitCodeOfSignal, inNamespace } from './namespace-command.ts';
import { probeRuntime, runtimeArguments, runtimeErrors } from './oci-runtime.ts';
import { isAlive } from './process-identity.ts';
import { readRecord } from './record-file.ts';
import { resolveInRoot } from './root-walk.ts';
import type { RunResult } from './run.ts';
import { environment } from './spec.ts';
import type { Spec, SpecProcess } from './spec-types.ts';
import { startFailureCode } from './start-failure.ts';
import { planStreams, type RunStreams } from './streams.ts';
import { resolveUser } from './user.ts';
import { requireOutsideProc } from './working-directory.ts';

export interface ExecOptions {
  readonly command: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly openStdin?: boolean;
  /** A terminal: ours is given to the process as it is, so stdin must be one. */
  readonly tty?: boolean;
  readonly privileged?: boolean;
  readonly streams?: RunStreams;
  readonly proxySignals?: boolean;
  /** Ends the process with SIGKILL. */
  readonly signal?: AbortSignal;
}

/** Runs one more process in a running container and waits for its end. Conflict where the container does not run, or is paused. */
export async function execInContainer(root: string, container: Container, options: ExecOptions): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const prepared = await prepareExec(root, container, options);
  const tty = options.tty ?? false;
  const plan = planStreams({ openStdin: options.openStdin ?? false }, options.streams ?? {});
  try {
    const child = spawn(prepared.program, prepared.args, {
      cwd: '/',
      env: CLEAN_ENV,
      detached: !tty, // a terminal's process stays in the terminal's session
      stdio: tty ? 'inherit' : [plan.stdin, plan.stdout, plan.stderr],
    });
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, name) => resolve(code ?? exitCodeOfSignal(name)));
    });
    using _ = tty ? undefined : plan.relay(child);
    using __ = (options.proxySignals ?? true) ? forwardSignals(prepared.pidFile) : undefined;
    const kill = (): void => sendSignal(prepared.pidFile, 'SIGKILL');
    options.signal?.addEventListener('abort', kill, { once: true });
    const code = await ended;
    options.signal?.removeEventListener('abort', kill);
    const result = resultOf(code, prepared.log);
    if (result.error === undefined) containerEvent(root, container, 'exec_die', { exitCode: String(code) });
    options.signal?.throwIfAborted();
    return result;
  } finally {
    prepared.remove();
  }
}

/** Starts one more process in a running container and leaves it to itself. Throws InvalidArgument where it can't be started. */
export async function execDetached(
  root: string,
  container: Container,
  options: Omit<ExecOptions, 'streams' | 'tty' | 'openStdin'>,
): Promise<void> {
  const prepared = await prepareExec(root, container, { ...options, detach: true });
  try {
    const child = spawn(prepared.program, prepared.args, { cwd: '/', env: CLEAN_ENV, detached: true, stdio: 'ignore' });
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (exit, name) => resolve(exit ?? exitCodeOfSignal(name)));
    });
    const { error } = resultOf(code, prepared.log);
    if (error !== undefined) throw new EngineError('InvalidArgument', error);
    if (code !== 0)
      throw new EngineError('Internal', `the OCI runtime could not start a process in container ${container.name}`);
  } finally {
    prepared.remove();
  }
}

interface PreparedExec {
  readonly program: string;
  readonly args: readonly string[];
  readonly pidFile: string;
  readonly log: string;
  remove(): void;
}

async function prepareExec(
  root: string,
  container: Container,
  options: ExecOptions & { readonly detach?: boolean },
): Promise<PreparedExec> {
  const { pid, status, holder } = requireRunning(container);
  if (status === 'paused') throw new EngineError('Conflict', `container ${container.name} is paused; unpause it first`);
  if (pid === 0) throw new EngineError('Conflict', `container ${container.name} is only starting; try again`);
  const runtime = await probeRuntime(root);
  const at = join(bundleOf(container.folder), `exec-${randomHex(4)}`);
  const [file, pidFile, log] = [`${at}.json`, `${at}.pid`, `${at}.log`];
  writeFileSync(file, JSON.stringify(processFor(container, pid, options)), { mode: 0o600 });
  const verb = ['exec', '--process', file, '--pid-file', pidFile, ...(options.detach ? ['-d'] : []), container.id];
  const [program, ...args] = inNamespace([runtime.path, ...runtimeArguments(root, runtime, log), ...verb], {
    ...(holder && isAlive(holder) && { holder: holder.pid }),
  });
  containerEvent(root, container, 'exec_start', { command: options.command.join(' ').slice(0, 1024) });
  return {
    program: program as string,
    args,
    pidFile,
    log,
    remove() {
      for (const path of [file, pidFile, log]) rmSync(path, { force: true });
    },
  };
}

/** The process by the container's own, with what was asked otherwise. Names of users are those of its files as they are now. */
function processFor(
  container: Container,
  pid: number,
  { command, env = [], user, workingDir, tty = false, privileged = false }: ExecOptions,
): SpecProcess {
  if (command.length === 0) throw new EngineError('InvalidArgument', 'no command to run in the container');
  const spec = readRecord<Spec>(join(bundleOf(container.folder), 'config.json'));
  if (!spec) throw new EngineError('DataLoss', `container ${container.name} has lost its bundle`);
  const own = spec.process;
  const rootfs = `/proc/${pid}/root`;
  const chosen = resolveUser(rootfs, user ?? container.user, user === undefined ? container.groupAdd : []);
  const capabilities = privileged
    ? capabilitiesFor({ ...container.security, privileged: true })
    : (own.capabilities?.bounding ?? []);
  const granted = chosen.uid === 0 ? capabilities : [];
  const { terminal: _, rlimits, oomScoreAdj: __, ...rest } = own;
  return {
    ...rest,
    ...(rlimits && { rlimits }),
    ...(tty && { terminal: true }),
    args: command,
    env: environment({ env: mergeEnv(container.env, env), tty, hostname: container.hostname }, chosen),
    cwd: workingDir === undefined ? own.cwd : checkedDirectory(rootfs, workingDir),
    user: { uid: chosen.uid, gid: chosen.gid, additionalGids: chosen.additionalGids },
    capabilities: { bounding: capabilities, effective: granted, permitted: granted, inheritable: [], ambient: [] },
    ...(privileged && { noNewPrivileges: false }),
  };
}

function checkedDirectory(rootfs: string, path: string): string {
  if (!path.startsWith('/'))
    throw new EngineError('InvalidArgument', `the working directory ${JSON.stringify(path)} is not an absolute path`);
  requireOutsideProc(path);
  using found = resolveInRoot(rootfs, path);
  requireOutsideProc(found.path);
  if (!found.stats?.isDirectory()) throw new EngineError('InvalidArgument', `no directory ${path} in the container`);
  return found.path;
}

function resultOf(code: number, log: string): RunResult {
  const failure = code === 0 ? undefined : runtimeErrors(log)[0];
  return failure === undefined ? { exitCode: code } : { exitCode: startFailureCode(failure), error: failure };
}
