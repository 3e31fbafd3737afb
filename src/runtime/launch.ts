import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Mount, serveMount } from '../snapshot/index.ts';
import { EngineError } from '../std/index.ts';
import type { Container } from './container.ts';
import { rootfsOf } from './folders.ts';
import { CLEAN_ENV, requireProgram, shellCommand } from './host-tools.ts';
import { HIDE_UNIFIED, hidesUnified } from './namespace-command.ts';
import { selinuxLabels, withMountLabel } from './selinux.ts';

const O_PATH = 0o10000000;
/** Where the talk with the script runs, and where it keeps the lock: single digits, all that sh knows. */
const TALK = 3;
const LOCK = 9;

/** What an active snapshot of `snapshot` says about mounting it elsewhere. */
export interface MountableSnapshot {
  readonly mounts: readonly Mount[];
  readonly lockPath?: string;
}

/** A process in a mount namespace of its own that has the container's root file system mounted and waits. */
export interface Launch extends Disposable {
  readonly child: ChildProcess;
  /** Descriptor of the mounted root file system. */
  readonly rootfs: number;
  /**
   * Closes {@link rootfs}; comes before the container runs. Whoever holds the last reference to a mount namespace takes it down in his own
   * close(2), which waits tens of milliseconds for the kernel: at the container's end that must not be us.
   */
  leaveRootfs(): void;
  /** Lets it go on to its next step. */
  proceed(): void;
  /** Ends it instead. */
  cancel(): void;
}

/**
 * Starts the one process of which everything else comes: it takes the snapshot's lock, which then lives exactly as long as the mount, mounts,
 * says so, waits for a word, and goes on with `steps`, the last of which should be an `exec`. Its arguments are `$1`, `$2` and so on.
 * Conflict where somebody else has the snapshot mounted.
 */
export async function launch(
  container: Container,
  snapshot: MountableSnapshot,
  {
    steps,
    args,
    stdio,
    env,
  }: {
    steps: readonly string[];
    args: readonly string[];
    stdio: Exclude<StdioOptions, string>;
    env?: Readonly<Record<string, string>>;
  },
): Promise<Launch> {
  const target = rootfsOf(container.folder);
  const { unshare, shell } = shellCommand();
  using serving = serveMounts(snapshot.mounts, stdio.length);
  const mounting = mountScript(withMountLabel(serving.mounts, selinuxLabels(container)), target);
  const script = [
    `exec ${LOCK}<"$LOCK_FILE" && "$FLOCK" -n ${LOCK} || { echo locked >&${TALK}; exit 1; }`,
    ...(hidesUnified() ? [HIDE_UNIFIED] : []),
    `{ ${mounting.script} && cd /; } 2>&${TALK} || exit 1`,
    ...(serving.fds.length > 0 ? [`exec ${serving.fds.map((_, at) => `${serving.first + at}>&-`).join(' ')}`] : []),
    `unset LOCK_FILE FLOCK; shift ${mounting.args.length}`,
    ...steps.flatMap((step) => [`echo ready >&${TALK}; read word <&${TALK} || exit 1`, step]),
  ].join('\n');
  const [program, ...rest] = [
    ...unshare,
    '-m',
    '--propagation',
    'slave',
    ...shell,
    '-c',
    script,
    'strata',
    ...mounting.args,
    ...args,
  ];
  const child = spawn(program as string, rest, {
    cwd: '/',
    detached: true, // signals of our terminal come to us, and we pass them on
    env: {
      ...CLEAN_ENV,
      ...env,
      LOCK_FILE: snapshot.lockPath ?? join(container.folder, 'lock'),
      FLOCK: requireProgram('flock', 'util-linux'),
    },
    stdio: [...stdio, ...serving.fds],
  });
  const talk = child.stdio[TALK] as Duplex;
  await heard(child, talk, container);
  const rootfs = openSync(`/proc/${child.pid}/root${target}`, O_PATH | constants.O_DIRECTORY);
  let held = true;
  const leaveRootfs = (): void => {
    if (held) closeSync(rootfs);
    held = false;
  };
  return {
    child,
    rootfs,
    leaveRootfs,
    proceed() {
      talk.write('go\n');
    },
    cancel() {
      talk.destroy();
    },
    [Symbol.dispose]() {
      leaveRootfs();
      talk.destroy();
    },
  };
}

/** Waits until the script says that it is ready for its next step; what it says instead is why it is not. */
export function heard(child: ChildProcess, talk: Duplex, container: Container): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (): void => {
      talk.off('data', onData).off('end', onEnd).off('error', onEnd);
      child.off('error', onError);
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      if (!text.endsWith('ready\n')) return;
      settle();
      resolve();
    };
    const onEnd = (): void => {
      settle();
      reject(
        text.includes('locked')
          ? new EngineError(
              'Conflict',
              `the files of container ${container.name} are in use; stop what runs in it first`,
            )
          : new EngineError(
              'Internal',
              `can't mount the files of container ${container.name}: ${text.trim() || 'its launcher was killed'}`,
            ),
      );
    };
    const onError = (error: Error): void => {
      settle();
      reject(
        new EngineError('Unavailable', `can't start container ${container.name}: ${error.message}`, { cause: error }),
      );
    };
    talk.on('data', onData).on('end', onEnd).on('error', onEnd);
    child.on('error', onError);
  });
}

/**
 * Starts the servers of those mounts that have one. Their /dev/fuse are `fds`, which the mounting process must have as its descriptors from `first`
 * on; ours are closed at the end.
 */
function serveMounts(
  mounts: readonly Mount[],
  first: number,
): { mounts: readonly Mount[]; fds: readonly number[]; first: number } & Disposable {
  using opened = new DisposableStack();
  const fds: number[] = [];
  const served = mounts.map((mount): Mount => {
    if (mount.type !== 'fuse') return mount;
    const { fuse, options } = serveMount(mount, first + fds.length);
    opened.defer(() => closeSync(fuse));
    fds.push(fuse);
    return { ...mount, options };
  });
  const held = opened.move();
  return { mounts: served, fds, first, [Symbol.dispose]: () => held.dispose() };
}

/** mount(8) for each mount of a snapshot, its words passed as the first arguments: nothing of them is read by the shell. */
function mountScript(mounts: readonly Mount[], target: string): { script: string; args: string[] } {
  const args: string[] = [];
  const argument = (text: string): string => `"\${${args.push(text)}}"`;
  const script = mounts
    .map(({ type, source, options, cwd }) => {
      const go = cwd === undefined ? '' : `cd ${argument(cwd)} && `;
      const chosen =
        type === 'bind' ? ['bind', ...options.filter((option) => option !== 'bind' && option !== 'ro')] : options;
      // A helper of mount(8) would look for another server.
      const kind = type === 'bind' ? '' : `${type === 'fuse' ? ' -i' : ''} -t ${argument(type)}`;
      const how = chosen.length > 0 ? ` -o ${argument(chosen.join(','))}` : '';
      const mounting = `${go}mount${kind}${how} ${argument(source)} ${argument(target)}`;
      // A bind takes `ro` only at a second look.
      return type === 'bind' && options.includes('ro')
        ? `${mounting} && mount -o remount,bind,ro ${argument(target)}`
        : mounting;
    })
    .join(' && ');
  return { script: script === '' ? 'true' : script, args };
}
