import { errorMessage } from '../../std/index.ts';
import { runProgram } from './run-program.ts';

/** The snapshot of a dataset that others are cloned from: its dataset is written no more. */
const SEAL = 'committed';

const ATTEMPTS = 8;

/** Runs `zfs`; what it printed. */
export function zfs(...args: string[]): string {
  return runProgram('zfs', args, { from: 'zfsutils-linux' });
}

/** Makes a file system, empty or with what the sealed one `from` holds; it may be mounted by that, or not. */
export function makeDataset(dataset: string, { from, mountpoint }: { from?: string; mountpoint: string }): void {
  const properties = ['-o', 'canmount=noauto', '-o', `mountpoint=${mountpoint}`];
  if (from === undefined) {
    zfs('create', ...properties, dataset);
    return;
  }
  const clone = (): string => zfs('clone', ...properties, `${from}@${SEAL}`, dataset);
  try {
    clone();
  } catch (error) {
    if (!/does not exist/.test(errorMessage(error))) throw error;
    sealDataset(from); // whose maker was killed before that
    clone();
  }
}

/** Keeps what a file system holds now for ever; safe on disk when this returns. */
export function sealDataset(dataset: string): void {
  try {
    zfs('snapshot', `${dataset}@${SEAL}`);
  } catch (error) {
    if (!/dataset already exists/.test(errorMessage(error))) throw error;
  }
}

/** Destroys a file system, its seal too; it need not be there. Fails while others are cloned from it. */
export function destroyDataset(dataset: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      zfs('destroy', '-r', dataset);
      return;
    } catch (error) {
      const why = errorMessage(error);
      if (/dataset does not exist/.test(why)) return;
      // An unmount may end behind the call that asked for it.
      if (attempt === ATTEMPTS || !/busy/.test(why)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10 * attempt);
    }
  }
}
