import { readFileSync } from 'node:fs';
import { EngineError, isErrno } from '../../std/index.ts';
import { poolOf } from './devicemapper.ts';
import { dmsetup } from './thin-device.ts';

/** Looks whether the kernel has a device mapper, and the pool that is named there is one. Throws why not. */
export function probeDevicemapper(folder: string): void {
  if (!knowsDeviceMapper()) {
    throw new EngineError('NotImplemented', 'this kernel has no device mapper (module dm_mod)');
  }
  const pool = poolOf(folder);
  const status = dmsetup('status', pool);
  if (!/ thin-pool /.test(status))
    throw new EngineError('InvalidArgument', `${pool} is no thin pool: ${status.trim()}`);
  if (/ (out_of_data_space|ro|read_only|Fail|needs_check) /.test(`${status.trim()} `)) {
    throw new EngineError('Unavailable', `the thin pool ${pool} is not well: ${status.trim()}`);
  }
}

function knowsDeviceMapper(): boolean {
  try {
    return / device-mapper$/m.test(readFileSync('/proc/misc', 'latin1'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
