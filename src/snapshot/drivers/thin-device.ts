import { existsSync } from 'node:fs';
import { EngineError, errorMessage, hasCode } from '../../std/index.ts';
import type { ThinVolume } from '../volume-kinds.ts';
import { runProgram } from './run-program.ts';

/** What a device may grow to: 10 GiB in sectors. The pool gives blocks as they are written. */
const SECTORS = 20 * 2 ** 20;

/** Runs `dmsetup`; what it printed. */
export function dmsetup(...args: string[]): string {
  return runProgram('dmsetup', args, { from: 'dmsetup' });
}

/** The device file of a thin device, there while it is active. */
export function deviceOf({ pool, id }: ThinVolume): string {
  return `/dev/mapper/${nameOf({ pool, id })}`;
}

/** Makes a thin device, empty or as a snapshot of another, which is held still for that where it is active. */
export function makeThin({ pool, id }: ThinVolume, from?: ThinVolume): void {
  const active = from && existsSync(deviceOf(from)) ? nameOf(from) : undefined;
  if (active) dmsetup('suspend', active);
  try {
    dmsetup('message', pool, '0', from ? `create_snap ${id} ${from.id}` : `create_thin ${id}`);
  } catch (error) {
    if (!/File exists/.test(errorMessage(error))) throw error;
    throw new EngineError('Conflict', `the thin pool ${pool} holds a device ${id} already`, { cause: error });
  } finally {
    if (active) dmsetup('resume', active);
  }
}

/** Makes its device file appear. */
export function activateThin(volume: ThinVolume): string {
  const { pool, id } = volume;
  const device = deviceOf(volume);
  if (!existsSync(device)) dmsetup('create', nameOf(volume), '--table', `0 ${SECTORS} thin /dev/mapper/${pool} ${id}`);
  return device;
}

/** Takes its device file away; it keeps what it holds. */
export function deactivateThin(volume: ThinVolume): void {
  if (existsSync(deviceOf(volume))) dmsetup('remove', '--retry', nameOf(volume));
}

/** Destroys a thin device; it need not be there. */
export function destroyThin(volume: ThinVolume): void {
  deactivateThin(volume);
  try {
    dmsetup('message', volume.pool, '0', `delete ${volume.id}`);
  } catch (error) {
    // ENODATA is how a pool says that it holds no such device.
    if (!hasCode(error, 'Unavailable') || !/No data available/.test(errorMessage(error))) throw error;
  }
}

function nameOf({ pool, id }: Pick<ThinVolume, 'pool' | 'id'>): string {
  return `${pool}-strata-${id}`;
}
