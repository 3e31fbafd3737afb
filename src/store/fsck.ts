import { checkBlobs } from './check-blobs.ts';
import { checkState } from './check-state.ts';
import { type Damage, damageOf, type Finding } from './finding.ts';
import type { FsckOptions } from './fsck-options.ts';
import { rebuildIndex } from './rebuild-index.ts';
import { repairDamages } from './repair.ts';
import type { Store } from './store.ts';
import { Survey } from './survey.ts';

/**
 * Checks the digest and size of every blob, every document that an image needs, its layers' diffIDs, the records and what crashes left; and with a
 * checker the snapshots. Gives what is wrong, an empty list for a sound store; what is unreferenced is not wrong. It may run beside everything else.
 */
export async function fsck(store: Store, options: FsckOptions = {}): Promise<Finding[]> {
  const damages: Damage[] = [];
  const broken = await rebuildIndex(store, options.repair ?? false);
  if (broken && !options.repair) return [broken]; // what the images are is not known

  for await (const damage of checkState(store)) damages.push(damage);
  const survey = new Survey(store.content);
  for (const record of await store.images.list()) await survey.add(record);
  for await (const damage of checkBlobs(store.content, survey, options)) damages.push(damage);
  damages.push(...survey.damages);
  if (options.snapshots) {
    for await (const { what, name, repair } of options.snapshots.check({
      repair: options.repair ?? false,
      ...(options.signal && { signal: options.signal }),
    })) {
      const records = name === undefined ? [] : [...(survey.chains.get(name) ?? [])];
      damages.push(damageOf('snapshot', what, { records, ...(repair !== undefined && { undo: async () => repair }) }));
    }
  }

  const lasting = await withoutVanished(store, damages);
  if (options.repair) await repairDamages(store, lasting, options);
  const findings = lasting.map(({ kind, what, hits, repair }) => ({ kind, what, hits, ...(repair && { repair }) }));
  return broken ? [broken, ...findings] : findings;
}

/** Images may have come and gone while they were checked: what they lacked for a moment is no damage. */
async function withoutVanished(store: Store, damages: readonly Damage[]): Promise<Damage[]> {
  const now = new Set((await store.images.list()).map(({ descriptor }) => descriptor.digest));
  const lasting: Damage[] = [];
  for (const damage of damages) {
    const missing = damage.kind === 'missing' ? damage.blob : undefined;
    if (missing && !damage.records.some(({ descriptor }) => now.has(descriptor.digest))) continue;
    if (missing && (await store.content.stat(missing))) continue;
    lasting.push(damage);
  }
  return lasting;
}
