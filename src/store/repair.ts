import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, createDigester, type Descriptor, type Digest } from '../oci/index.ts';
import { errorMessage, hasCode, isErrno, randomHex } from '../std/index.ts';
import { type Damage, nameOf } from './finding.ts';
import type { FsckOptions } from './fsck-options.ts';
import type { ImageRecord } from './index-file.ts';
import { lockState } from './state.ts';
import type { Store } from './store.ts';
import { Survey } from './survey.ts';
import { emptyTrash } from './trash.ts';

/** Undoes what can be undone, pulls again what can be pulled, removes the rest; each damage's `repair` says which. */
export async function repairDamages(store: Store, damages: readonly Damage[], options: FsckOptions): Promise<void> {
  const outcomes = new Map<Digest, Promise<string>>();
  for (const damage of damages) if (damage.kind === 'blob' && damage.blob) await removeDamaged(store, damage.blob);
  await emptyTrash(store.root);

  for (const damage of damages) {
    options.signal?.throwIfAborted();
    const done: string[] = damage.kind === 'blob' ? ['removed'] : [];
    if (damage.undo) done.push(await damage.undo());
    else if (damage.kind !== 'snapshot') {
      for (const record of damage.records) {
        const { digest } = record.descriptor;
        const outcome = outcomes.get(digest) ?? restore(store, record, damage, options);
        outcomes.set(digest, outcome);
        done.push(await outcome);
      }
    }
    if (done.length > 0) damage.repair = [...new Set(done)].join('; ');
  }
}

/** Takes a wrong blob away, unless somebody has put the right one there since. */
async function removeDamaged(store: Store, digest: Digest): Promise<void> {
  using _lock = await lockState(store.root, 'content');
  const digester = createDigester(algorithmOf(digest));
  try {
    for await (const chunk of store.content.stream(digest)) digester.update(chunk);
    if (digester.digest() === digest) return;
  } catch (error) {
    if (hasCode(error, 'NotFound')) return; // what can't be read is taken away, too
  }
  try {
    await rename(store.content.path(digest), join(store.root, 'trash', randomHex(16)));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** What became of an image that can't be used as it is. */
async function restore(store: Store, record: ImageRecord, damage: Damage, options: FsckOptions): Promise<string> {
  const { digest } = record.descriptor;
  const holders = (await store.images.list()).filter(({ descriptor }) => descriptor.digest === digest);
  const origin = holders.find(({ source }) => source !== undefined);
  // A document that contradicts itself is the same wherever it comes from.
  const wasPublishedSo = damage.kind === 'manifest' || damage.kind === 'layer';
  if (wasPublishedSo) return remove(store, record, 'it is wrong in itself, and would be so if it were pulled again');
  if (!origin?.source) return remove(store, record, 'it was made here, and nothing can restore it');
  const { source } = origin;
  if (!options.pull) return `not repaired: pull ${source} again`;
  await using _lease = await store.lease(); // over what is pulled until a record names it
  let pulled: Descriptor;
  try {
    pulled = await options.pull({ ...origin, source });
  } catch (error) {
    options.signal?.throwIfAborted();
    if (hasCode(error, 'NotFound')) return remove(store, record, `${source} has it no longer`);
    return `not repaired: pulling ${source} failed: ${errorMessage(error)}`;
  }
  if (await isWhole(store, digest)) return `pulled again from ${source}`;
  if (await takeTwin(store, { digest, source, pulled })) return `pulled again from ${source}, where it is compressed`;
  return remove(store, record, `${source} has another image now, which was pulled`);
}

/**
 * Lets the names of an image that was made here mean what a push made of it, with its layers compressed; false where `pulled` is
 * something else. The source of such an image names it by digest.
 */
async function takeTwin(
  store: Store,
  { digest, source, pulled }: { readonly digest: Digest; readonly source: string; readonly pulled: Descriptor },
): Promise<boolean> {
  if (pulled.digest === digest || !source.endsWith(`@${pulled.digest}`)) return false;
  await store.images.update((records) =>
    records.map((record) => (record.descriptor.digest === digest ? { ...record, descriptor: pulled } : record)),
  );
  return isWhole(store, pulled.digest);
}

async function remove(store: Store, record: ImageRecord, reason: string): Promise<string> {
  const removed = await store.images.deleteDescriptor(record.descriptor.digest);
  const names = removed.length > 0 ? removed.map(nameOf).join(', ') : nameOf(record);
  return `image ${names} was removed: ${reason}`;
}

/** Whether everything that the image names is here; an image without a record needs nothing. */
async function isWhole(store: Store, digest: Digest): Promise<boolean> {
  const survey = new Survey(store.content);
  for (const record of await store.images.list()) if (record.descriptor.digest === digest) await survey.add(record);
  if (survey.damages.length > 0) return false;
  for (const needed of survey.needs.keys()) if (!(await store.content.stat(needed))) return false;
  return true;
}
