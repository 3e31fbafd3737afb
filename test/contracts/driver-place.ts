import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryFlock } from '../../src/linux/index.ts';
import { probeDrivers } from '../../src/snapshot/index.ts';
import { listMounts } from '../../src/snapshot/mount-table.ts';
import { errorMessage } from '../../src/std/index.ts';

/** A folder where one storage driver can be tried, on the file system that it needs. */
export interface DriverPlace extends Disposable {
  /** Why it can't be tried here. */
  readonly skip: string | false;
  /** Absent where the temporary folder will do. */
  readonly folder?: string;
  /** Its file system keeps no fractions of times. */
  readonly wholeSeconds?: boolean;
}

const ZFS_FUSE = '/sbin/zfs-fuse';
/** MiB of data. */
const THIN_POOL = 4096;
/** Seconds that it may run for. */
const ZFS_FUSE_TIME = 240;

interface MadePlace extends Disposable {
  readonly wholeSeconds?: boolean;
}

const makers: Record<string, (own: string) => MadePlace | Promise<MadePlace>> = {
  btrfs: btrfsOn,
  zfs: zfsOn,
  devicemapper: thinPoolOn,
};

/** Makes what a driver needs, and probes the driver on it; disposing takes all of it away. */
export async function openDriverPlace(driver: string): Promise<DriverPlace> {
  const own = mkdtempSync(join(tmpdir(), `strata-place-${driver}-`));
  const folder = join(own, 'folder');
  mkdirSync(folder);
  using made = new DisposableStack();
  made.defer(() => rmSync(own, { recursive: true, force: true }));
  const make = makers[driver];
  let place: MadePlace | undefined;
  try {
    if (make) place = made.use(await make(own));
  } catch (error) {
    return { skip: `no place for ${driver} can be made: ${errorMessage(error)}`, [Symbol.dispose]() {} };
  }
  const probed = (await probeDrivers(join(folder, 'probe'))).find((result) => result.driver === driver);
  const skip = probed?.works ? false : `${driver} does not work here: ${probed?.why}`;
  const kept = made.move();
  return { skip, ...(place && { ...place, folder }), [Symbol.dispose]: () => kept.dispose() };
}

/** A new btrfs in a loop file, mounted at `folder`. */
function btrfsOn(own: string): Disposable {
  const disk = join(own, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 4 * 2 ** 30); // of holes
  run('mkfs.btrfs', '--quiet', disk);
  run('mount', '-o', 'loop', disk, join(own, 'folder'));
  return { [Symbol.dispose]: () => patiently(() => run('umount', join(own, 'folder'))) };
}

/**
 * A ZFS pool in a file, its first dataset mounted at `folder`: of the kernel's own ZFS where it is there, else of a zfs-fuse that runs
 * for as long as the place is, one a machine.
 */
async function zfsOn(own: string): Promise<MadePlace> {
  using made = new DisposableStack();
  const native = existsSync('/dev/zfs');
  if (!native && !process.env['STRATA_TEST_ZFS'])
    throw new Error('ZFS in user space comes to a standstill at times; STRATA_TEST_ZFS=1 tries it');
  if (!native) {
    made.use(await holdProgram(ZFS_FUSE));
    const options = [
      '--no-daemon',
      '--no-kstat-mount',
      '--enable-xattr',
      '-m',
      '64',
      '-o',
      'suid,dev,default_permissions',
    ];
    // It may come to a standstill, and whoever reads its files with it: it ends with this process, and after its time in any case.
    const bounded = ['--pdeathsig', 'TERM', 'timeout', '-k', '1', `${ZFS_FUSE_TIME}`];
    const daemon = spawn('setpriv', [...bounded, 'setpriv', '--pdeathsig', 'KILL', ZFS_FUSE, ...options], {
      stdio: 'ignore',
    });
    daemon.unref();
    made.defer(() => {
      daemon.kill();
      patiently(() => requireEnded(daemon.pid ?? 0)); // the next one finds it running otherwise, and ends
    });
    for (let tries = 0; !isAnswering(); tries++) {
      if (tries === 100) throw new Error('the daemon of ZFS in user space does not answer');
      await sleep(100);
    }
  }
  const disk = join(own, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 4 * 2 ** 30); // of holes
  const pool = `strata-test-${process.pid}`;
  run('zpool', 'create', '-m', join(own, 'folder'), '-o', 'cachefile=none', pool, disk);
  made.defer(() => patiently(() => run('zpool', 'destroy', '-f', pool)));
  const kept = made.move();
  return { wholeSeconds: !native, [Symbol.dispose]: () => kept.dispose() }; // zfs-fuse keeps no more
}

/** A child of ours stays a zombie until this thread has time for it. */
function requireEnded(pid: number): void {
  const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0] : 'Z';
  if (state !== 'Z') throw new Error(`process ${pid} goes on`);
}

/** Unmounts end behind the calls that asked for them. */
function patiently(act: () => void): void {
  for (let tries = 1; ; tries++) {
    try {
      act();
      return;
    } catch (error) {
      if (tries === 20) throw error;
      execFileSync('sleep', ['0.2']);
    }
  }
}

/** Waits until no other test runs this program: a lock on the program itself leaves no file. */
async function holdProgram(path: string): Promise<Disposable> {
  const fd = openSync(path, 'r');
  for (let tries = 0; !tryFlock(fd, 'exclusive'); tries++) {
    if (tries > 1200) throw new Error(`another test keeps ${path}`);
    await sleep(100);
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}

function isAnswering(): boolean {
  return spawnSync('zpool', ['list'], { stdio: 'ignore', timeout: 5000 }).status === 0;
}

/** A thin pool on two loop devices, named to the driver by its variable. */
function thinPoolOn(own: string): MadePlace {
  using made = new DisposableStack();
  if (!/ device-mapper$/m.test(readFileSync('/proc/misc', 'latin1'))) return made.move(); // the probe says why not
  const loop = (name: string, bytes: number): string => {
    const path = join(own, name);
    writeFileSync(path, '');
    truncateSync(path, bytes); // of holes
    const device = execFileSync('losetup', ['--find', '--show', path], { encoding: 'utf8' }).trim();
    made.defer(() => run('losetup', '--detach', device));
    return device;
  };
  const [metadata, data] = [loop('metadata', 64 * 2 ** 20), loop('data', THIN_POOL * 2 ** 20)];
  const pool = `strata-test-${process.pid}`;
  run(
    'dmsetup',
    'create',
    pool,
    '--table',
    `0 ${THIN_POOL * 2048} thin-pool ${metadata} ${data} 128 0 1 skip_block_zeroing`,
  );
  made.defer(() => {
    const mounts = listMounts().filter(({ target }) => target.startsWith(own));
    for (const { target } of mounts.toReversed()) run('umount', target);
    const devices = execFileSync('dmsetup', ['ls'], { encoding: 'utf8' }).match(/^\S+/gm) ?? [];
    for (const device of devices.filter((name) => name.startsWith(`${pool}-`)))
      run('dmsetup', 'remove', '--retry', device);
    run('dmsetup', 'remove', '--retry', pool);
  });
  made.adopt(process.env['STRATA_THIN_POOL'], restorePool);
  process.env['STRATA_THIN_POOL'] = pool;
  const kept = made.move();
  return { [Symbol.dispose]: () => kept.dispose() };
}

function restorePool(before: string | undefined): void {
  if (before === undefined) delete process.env['STRATA_THIN_POOL'];
  else process.env['STRATA_THIN_POOL'] = before;
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 });
}
