import { mkdirSync, readFileSync, readlinkSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '../std/index.ts';
import { DRIVERS } from './drivers.ts';
import { bootID } from './folder.ts';
import { waitTurn } from './turn.ts';

/** What a driver's probe said of a state folder. */
export interface ProbeResult {
  readonly driver: string;
  readonly works: boolean;
  readonly why?: string;
}

interface Remembered {
  readonly key: string;
  readonly results: readonly ProbeResult[];
}

/**
 * Tries every driver on the state folder itself, the best first. Remembered in `snapshots/probe.json` for this kernel, this boot, this
 * file system and this user, so that later commands read one file.
 */
export async function probeDrivers(root: string): Promise<ProbeResult[]> {
  const folder = join(root, 'snapshots');
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const memory = join(folder, 'probe.json');
  const key = circumstances(folder);
  const known = recall(memory);
  if (known?.key === key) return [...known.results];
  // One process at a time: each probe clears away what killed ones left, and what disturbs one would be remembered.
  using _ = await waitTurn(join(folder, '.probing'), undefined);
  const meanwhile = recall(memory);
  if (meanwhile?.key === key) return [...meanwhile.results];
  const results: ProbeResult[] = [];
  for (const { name, probe } of DRIVERS) {
    try {
      await probe(root);
      results.push({ driver: name, works: true });
    } catch (error) {
      results.push({ driver: name, works: false, why: errorMessage(error) });
    }
  }
  remember(memory, { key, results });
  return results;
}

/** What the answers depend on. */
function circumstances(folder: string): string {
  const user = `${process.getuid?.()} ${namespaceOf('user')}`;
  const names = DRIVERS.map(({ name }) => name).join(',');
  return [release(), bootID(), statfsSync(folder).type, user, names, process.env['STRATA_THIN_POOL']].join(' ');
}

function namespaceOf(kind: string): string {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`);
  } catch {
    return ''; // no Linux
  }
}

/** A file that is missing or torn only costs another probe. */
function recall(path: string): Remembered | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Remembered;
  } catch {
    return undefined;
  }
}

function remember(path: string, results: Remembered): void {
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, JSON.stringify(results), { mode: 0o600 });
  renameSync(aside, path);
}
