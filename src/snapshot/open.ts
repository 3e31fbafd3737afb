import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest } from '../oci/index.ts';
import { EngineError, isErrno, writeFileAtomic } from '../std/index.ts';
import { DRIVERS, type DriverChoice } from './drivers.ts';
import { type ProbeResult, probeDrivers } from './probe.ts';
import type { Snapshotter } from './snapshotter.ts';

/**
 * The snapshots of the state folder `root`. The driver is the one asked for, or `STRATA_DRIVER`'s, or the one that this state folder
 * was begun with, or the best that works here. InvalidArgument for a driver that nobody knows, Unavailable for one that does not work.
 */
export async function openSnapshotter({ root, driver }: { root: string; driver?: string }): Promise<Snapshotter> {
  const asked = driver ?? (process.env['STRATA_DRIVER'] || undefined);
  const begun = recallDriver(root);
  const results = await probeDrivers(root);
  const choice = chooseDriver(asked ?? begun, results, { begun: asked === undefined });
  if (begun === undefined) await writeFileAtomic(memoryOf(root), `${choice.name}\n`);
  return choice.open(root);
}

/** The drivers that hold unpacked layers in this state folder: one that went from driver to driver has several. */
export function driversInUse(root: string): string[] {
  return DRIVERS.map(({ name }) => name).filter((name) => {
    try {
      return readdirSync(join(root, 'snapshots', name)).some(isDigest);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
  });
}

function chooseDriver(
  name: string | undefined,
  results: readonly ProbeResult[],
  { begun }: { begun: boolean },
): DriverChoice {
  const best = results.find(({ works }) => works)?.driver;
  const chosen = DRIVERS.find((choice) => choice.name === (name ?? best));
  if (!chosen) {
    const known = DRIVERS.map((choice) => choice.name).join(', ');
    if (name === undefined) throw new EngineError('Unavailable', `no storage driver works here: ${reasons(results)}`);
    throw new EngineError('InvalidArgument', `unknown storage driver ${JSON.stringify(name)}: choose one of ${known}`);
  }
  const result = results.find((one) => one.driver === chosen.name);
  if (result?.works) return chosen;
  throw new EngineError(
    'Unavailable',
    `the storage driver ${chosen.name}${begun ? ', which this state folder was begun with,' : ''} does not work here: ` +
      `${result?.why}${best ? `; ask for another one: --storage-driver ${best}` : ''}`,
  );
}

function reasons(results: readonly ProbeResult[]): string {
  return results.map(({ driver, why }) => `${driver}: ${why}`).join('; ');
}

function memoryOf(root: string): string {
  return join(root, 'snapshots', 'driver');
}

function recallDriver(root: string): string | undefined {
  try {
    return readFileSync(memoryOf(root), 'utf8').trim() || undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
