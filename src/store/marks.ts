import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { readIndexFile } from './index-file.ts';
import { liveLeases } from './leases.ts';
import { Reach } from './reach.ts';
import type { Store } from './store.ts';

export type Roots = () => AsyncIterable<Digest>;

/** What a collection found to be needed, and what it looked at to know. */
export interface Marks {
  readonly reach: Reach;
  /** When the collection began: what was touched since is spared. */
  readonly began: number;
  /** Which index.json was read. */
  index: string;
  readonly leased: Set<Digest>;
}

/** What may not be removed now, whatever was marked. */
export interface Limits {
  /** Milliseconds: what was touched then or later is in use. */
  readonly since: number;
  /** Whether any lease lives. */
  readonly leased: boolean;
}

/** Marks from index.json, the leases and `roots`. The marker is set already: a container's record that comes later will look at it. */
export async function startMarks(store: Store, { began, roots }: { began: number; roots?: Roots }): Promise<Marks> {
  const marks: Marks = { reach: new Reach(store.content), began, index: '', leased: new Set() };
  await lookAgain(store, marks);
  if (roots) for await (const digest of roots()) await marks.reach.addUnknown(digest);
  return marks;
}

/** Looks at the leases, and marks what images and leases have come to name. For a sweep the caller holds the lock `content` exclusively. */
export async function lookAgain(store: Store, marks: Marks): Promise<Limits> {
  const version = await versionOf(join(store.root, 'index.json')); // before reading: a change in between is read twice, never missed
  if (version !== marks.index) {
    for (const { descriptor } of (await readIndexFile(store.root)).records) await marks.reach.add(descriptor);
    marks.index = version;
  }
  const { since, named } = await liveLeases(store.root);
  for (const digest of named) {
    if (marks.leased.has(digest)) continue;
    marks.leased.add(digest);
    await marks.reach.addUnknown(digest);
  }
  return { since: Math.min(since, marks.began), leased: since !== Number.POSITIVE_INFINITY };
}

export function isSpared(touched: number, { since }: Limits): boolean {
  return touched >= since;
}

/** Differs whenever the file was replaced. */
async function versionOf(path: string): Promise<string> {
  const { ino, mtimeNs, ctimeNs, size } = await stat(path, { bigint: true });
  return `${ino} ${mtimeNs} ${ctimeNs} ${size}`;
}
