import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeDrivers } from '../../src/snapshot/index.ts';
import { errorMessage } from '../../src/std/index.ts';

/** A folder where one storage driver can be tried, on the file system that it needs. */
export interface DriverPlace extends Disposable {
  /** Why it can't be tried here. */
  readonly skip: string | false;
  /** Absent where the temporary folder will do. */
  readonly folder?: string;
}

const makers: Record<string, (own: string) => Disposable> = { btrfs: btrfsOn };

/** Makes what a driver needs, and probes the driver on it; disposing takes all of it away. */
export async function openDriverPlace(driver: string): Promise<DriverPlace> {
  const own = mkdtempSync(join(tmpdir(), `strata-place-${driver}-`));
  const folder = join(own, 'folder');
  mkdirSync(folder);
  using made = new DisposableStack();
  made.defer(() => rmSync(own, { recursive: true, force: true }));
  const make = makers[driver];
  try {
    if (make) made.use(make(own));
  } catch (error) {
    return { skip: `no place for ${driver} can be made: ${errorMessage(error)}`, [Symbol.dispose]() {} };
  }
  const probed = (await probeDrivers(join(folder, 'probe'))).find((result) => result.driver === driver);
  const skip = probed?.works ? false : `${driver} does not work here: ${probed?.why}`;
  const kept = made.move();
  return { skip, ...(make && { folder }), [Symbol.dispose]: () => kept.dispose() };
}

/** A new btrfs in a loop file, mounted at `folder`. */
function btrfsOn(own: string): Disposable {
  const disk = join(own, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 4 * 2 ** 30); // of holes
  run('mkfs.btrfs', '--quiet', disk);
  run('mount', '-o', 'loop', disk, join(own, 'folder'));
  return { [Symbol.dispose]: () => run('umount', join(own, 'folder')) };
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 });
}
