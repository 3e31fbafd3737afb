import { requireImage, unpackImage } from '../image/index.ts';
import type { Container } from '../runtime/index.ts';
import type { ActiveSnapshot } from '../snapshot/index.ts';
import type { Engine } from './engine.ts';

/** What a container changed, on layers that are there: see {@link unpackBelow}. */
export async function openSnapshot(engine: Engine, container: Container): Promise<ActiveSnapshot> {
  await unpackBelow(engine, container);
  return (await engine.snapshots(container.driver)).open(container.snapshot);
}

/**
 * Sees to it that the layers below a container are there: a stop of the machine may have taken them before they reached the disk, and
 * they are made again from their blobs. NotFound where the image has gone since.
 */
export async function unpackBelow(engine: Engine, { driver, imageID, chain }: Container): Promise<void> {
  const snapshots = await engine.snapshots(driver);
  if (!chain || !imageID || (await snapshots.has(chain))) return;
  const { image } = await requireImage(engine.store, imageID);
  await unpackImage(engine.store, snapshots, image);
}
