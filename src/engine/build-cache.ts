import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildRecord, openCache, openHistory } from '../build/index.ts';
import { readRecord } from '../image/index.ts';
import type { Digest } from '../oci/index.ts';
import { measureTree } from '../snapshot/index.ts';
import { isErrno } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { collect } from './prune-images.ts';

/** Something that builds keep: a step's layer, or the folder of a cache mount. */
export interface BuildCacheItem {
  readonly kind: 'step' | 'mount';
  /** A step's key, or the name of a mount's folder. */
  readonly id: string;
  readonly description: string;
  readonly bytes: number;
  readonly lastUsed: Date;
  /** An image has the layer, too: it takes no space of its own. */
  readonly shared: boolean;
}

/** What builds keep, the least recently used first. Layers that several steps made are told of each, and counted once. */
export async function buildCacheUsage(engine: Engine): Promise<{ items: BuildCacheItem[]; bytes: number }> {
  const inImages = await imageLayers(engine);
  const items: BuildCacheItem[] = [];
  const own = new Map<Digest, number>();
  for (const { key, createdBy, layer, bytes, lastUsed } of openCache(engine.root).list()) {
    const shared = layer !== undefined && inImages.has(layer.digest);
    if (layer && !shared) own.set(layer.digest, bytes);
    items.push({ kind: 'step', id: key, description: createdBy, bytes, lastUsed, shared });
  }
  let bytes = [...own.values()].reduce((sum, size) => sum + size, 0);
  for (const name of mountsOf(engine.root)) {
    const path = join(mountsFolder(engine.root), name);
    const size = measureTree(path).bytes;
    bytes += size;
    items.push({
      kind: 'mount',
      id: name,
      description: 'cache mount',
      bytes: size,
      lastUsed: lstatSync(path).mtime,
      shared: false,
    });
  }
  return { items: items.sort((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime()), bytes };
}

export interface PruneBuildCacheOptions {
  /** Also what images share, and cache mounts. */
  readonly all?: boolean;
  /** Only what was last used before. */
  readonly until?: Date;
  /** Keeps what was used last, up to so many bytes. */
  readonly keepBytes?: number;
  readonly signal?: AbortSignal;
}

/** Removes what builds keep, the least recently used first. A build that runs meanwhile makes anew what it misses. */
export async function pruneBuildCache(
  engine: Engine,
  { all = false, until, keepBytes, signal }: PruneBuildCacheOptions = {},
): Promise<{ removed: BuildCacheItem[]; bytes: number }> {
  const cache = openCache(engine.root);
  const { items, bytes: before } = await buildCacheUsage(engine);
  let left = before;
  const removed: BuildCacheItem[] = [];
  for (const item of items) {
    signal?.throwIfAborted();
    if (until && item.lastUsed >= until) break;
    if (keepBytes !== undefined && left <= keepBytes) break;
    if (!all && keepBytes === undefined && (item.shared || item.kind === 'mount')) continue;
    if (item.kind === 'step') cache.remove(item.id);
    else removeMount(engine.root, item.id);
    removed.push(item);
    if (keepBytes !== undefined) left = (await buildCacheUsage(engine)).bytes;
  }
  if (all && until === undefined && keepBytes === undefined) openHistory(engine.root).clear();
  await collect(engine, signal);
  return { removed, bytes: before - (await buildCacheUsage(engine)).bytes };
}

/** The builds that are remembered, newest first. */
export function buildHistory({ root }: Engine): readonly BuildRecord[] {
  return openHistory(root).list();
}

/** One of them by the beginning of its id, or `latest`. */
export function findBuild({ root }: Engine, id: string): BuildRecord | undefined {
  return openHistory(root).find(id);
}

async function imageLayers({ store }: Engine): Promise<ReadonlySet<Digest>> {
  const layers = new Set<Digest>();
  for (const record of await store.images.list()) {
    const image = await readRecord(store.content, record).catch(() => undefined);
    for (const { digest } of image?.manifest.layers ?? []) layers.add(digest);
  }
  return layers;
}

function mountsFolder(root: string): string {
  return join(root, 'build', 'mounts');
}

function mountsOf(root: string): string[] {
  try {
    return readdirSync(mountsFolder(root)).filter((name) => !name.includes('.'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function removeMount(root: string, name: string): void {
  rmSync(join(mountsFolder(root), name), { recursive: true, force: true });
}
