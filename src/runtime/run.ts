import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from './container.ts';
import { finishContainer } from './finish.ts';
import { bundleOf, logOf } from './folders.ts';
import { forwardSignals, sendSignal } from './forward-signals.ts';
import { type Launch, launch, type MountableSnapshot } from './launch.ts';
import { exitCodeOfSignal } from './namespace-command.ts';
import { type OciRuntime, probeRuntime, runtimeArguments, runtimeErrors } from './oci-runtime.ts';
import { announceStart, prepareBundle, recordStart } from './prepare-start.ts';
import { identify } from './process-identity.ts';
import { discardContainer } from './remove-container.ts';
import { startFailureCode } from './start-failure.ts';
import { planStreams, type RunStreams } from './streams.ts';
import { removeAnonymousVolumes } from './volumes.ts';

export interface RunResult {
  readonly exitCode: number;
  /** Why the process never started: 125, 126 and 127 are docker's codes for that. The OCI runtime has said it on stderr already. */
  readonly error?: string;
}

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
  using _starting = announceStart(container);
  const runtime = await probeRuntime(root);
  const { folder, id } = container;
  const pidFile = join(bundleOf(folder), 'pid');
  const log = join(bundleOf(folder), 'runtime.log');
  const plan = planStreams(
    {
      openStdin: container.openStdin,
      log: container.autoRemove ? undefined : logOf(folder),
      complaint: { mayBe: () => !existsSync(pidFile), is: () => runtimeErrors(log).length > 0 },
    },
    streams,
  );
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
  using relay = plan.relay(child);
  using _ = proxySignals ? forwardSignals(pidFile) : undefined;
  const kill = (): void => sendSignal(pidFile, 'SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    await go(root, container, runtime, launched);
  } catch (error) {
    launched.cancel();
    await ended;
    if (container.autoRemove && discardContainer(root, container)) await removeAnonymousVolumes(root, container);
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
  { child, rootfs, leaveRootfs, proceed }: Launch,
): Promise<void> {
  await prepareBundle(root, container, runtime, rootfs);
  leaveRootfs();
  const [holder, watcher] = [identify(child.pid ?? 0), identify(process.pid)];
  recordStart(root, container, { monitored: false, ...(holder && { holder }), ...(watcher && { watcher }) });
  proceed();
}
