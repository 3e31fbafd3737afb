import { Writable } from 'node:stream';
import { startUnpacking, storeLayer } from '../image/index.ts';
import { type Change, packLayer, withoutMade } from '../layer/index.ts';
import { type Descriptor, type Digest, type ImageConfig, type Manifest, MediaType } from '../oci/index.ts';
import {
  createContainer,
  type MountOption,
  madePaths,
  newContainerID,
  removeContainer,
  runForeground,
} from '../runtime/index.ts';
import type { ActiveSnapshot, Snapshotter } from '../snapshot/index.ts';
import { EngineError } from '../std/index.ts';
import { buildLabels } from './abandoned.ts';
import { clampTimes } from './layer-tar.ts';
import { chainOf } from './layers.ts';
import type { Session } from './session.ts';
import type { BuildState } from './state.ts';

/** BuildKit's name for the machine that steps run on. */
const HOSTNAME = 'buildkitsandbox';

export interface RunSettings {
  readonly id: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly mounts: readonly MountOption[];
  readonly network: 'none' | 'host';
  readonly privileged: boolean;
}

/** Runs a command on what was built so far, and stores what it changed as a layer; undefined where that is nothing. */
export async function runContainer(
  session: Session,
  state: BuildState,
  settings: RunSettings,
): Promise<Descriptor | undefined> {
  const snapshots = await session.snapshots();
  const chain = await unpackStack(session, snapshots, state);
  const id = newContainerID();
  const { options, root } = session;
  const container = await createContainer(root, {
    id,
    starting: true,
    driver: snapshots.driver,
    image: { name: 'build', config: {}, ...(chain && { chain }) },
    entrypoint: [],
    command: settings.args,
    env: settings.env,
    user: state.config.User ?? '',
    workingDir: state.config.WorkingDir || '/',
    hostname: HOSTNAME,
    labels: buildLabels(),
    mounts: settings.mounts,
    network: settings.network,
    security: { privileged: settings.privileged },
    ...(options.addHosts && { extraHosts: options.addHosts }),
    ...(options.shmSize !== undefined && { shmSize: options.shmSize }),
    ...(options.ulimits && { ulimits: options.ulimits }),
  });
  try {
    const snapshot = await snapshots.prepare(container.snapshot, chain, { volatile: true });
    const result = await runForeground(root, container, snapshot, {
      streams: {
        stdin: 'none',
        stdout: output(session, settings.id, 'stdout'),
        stderr: output(session, settings.id, 'stderr'),
      },
      proxySignals: false,
      signal: session.signal,
    });
    if (result.exitCode !== 0) throw failure(settings.args, result);
    return await storeChanges(session, snapshot, madePaths(container));
  } finally {
    await removeContainer(root, container, { force: true, volumes: true });
    await snapshots.remove(container.snapshot);
  }
}

function failure(args: readonly string[], { exitCode, error }: { exitCode: number; error?: string }): EngineError {
  const command = args.join(' ');
  const shown = command.length > 200 ? `${command.slice(0, 200)}…` : command;
  return new EngineError(
    'InvalidArgument',
    error === undefined
      ? `${JSON.stringify(shown)} ended with exit code ${exitCode}`
      : `${JSON.stringify(shown)}: ${error}${/exec format/i.test(error) ? '; programs of another platform need binfmt_misc and qemu-user-static here' : ''}`,
  );
}

async function storeChanges(
  { store, signal, options: { epoch } }: Session,
  snapshot: ActiveSnapshot,
  made: readonly string[],
): Promise<Descriptor | undefined> {
  const changes = withoutMade(snapshot.changes(), made);
  const first = await changes.next();
  if (first.done) return undefined;
  const all = async function* (): AsyncGenerator<Change> {
    yield first.value;
    yield* changes;
  };
  const tar = packLayer(all());
  const timed = epoch ? clampTimes(tar, BigInt(epoch.getTime()) * 1_000_000n) : tar;
  return storeLayer(store, timed, { signal });
}

function output({ report }: Session, id: string, stream: 'stdout' | 'stderr'): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      report({ kind: 'output', id, stream, bytes: chunk });
      done();
    },
  });
}

/** Unpacks the layers of what was built so far; quick where they are. Gives the chainID that a snapshot stands on. */
async function unpackStack(
  { store, signal }: Session,
  snapshots: Snapshotter,
  { stack, platform }: BuildState,
): Promise<Digest | undefined> {
  const chain = chainOf(stack);
  if (chain === undefined || (await snapshots.has(chain))) return chain;
  const layers = stack.map(({ descriptor }) => descriptor);
  const manifest: Manifest = {
    schemaVersion: 2,
    config: { mediaType: MediaType.ociConfig, digest: chain, size: 0 }, // never read: only its layers are
    layers,
  };
  const config: ImageConfig = {
    ...platform,
    rootfs: { type: 'layers', diff_ids: stack.map(({ diffID }) => diffID) },
  };
  return startUnpacking(store, snapshots, manifest, config, { signal }).done();
}
