import { type FoundImage, requireImage, unpackImage } from '../image/index.ts';
import type { Digest, ImageConfig } from '../oci/index.ts';
import {
  type Container,
  type CreateOptions,
  createContainer,
  newContainerID,
  removeContainer,
} from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';
import { announceUse } from '../store/index.ts';
import type { Engine } from './engine.ts';

/** What `docker create` takes beside the image: the rest follows from that. */
export type CreateSettings = Omit<CreateOptions, 'id' | 'image' | 'driver' | 'snapshot'>;

/**
 * Makes a container of a local image: its record, and a snapshot for what it will change. The record comes first, for it is what keeps a
 * collection away from the image; only then is the image relied on (see announceUse). `found` is the image where the caller has read it already.
 */
export async function create(
  engine: Engine,
  imageName: string,
  settings: CreateSettings = {},
  found?: FoundImage,
): Promise<Container> {
  const { store, root } = engine;
  const snapshots = await engine.snapshots();
  const { image } = found ?? (await requireImage(store, imageName));
  requireRunnable(imageName, image.config);
  const chain = await unpackImage(store, snapshots, image);
  const id = newContainerID();
  const container = await createContainer(root, {
    ...settings,
    id,
    driver: snapshots.driver,
    image: { name: imageName, id: image.id, config: image.config.config ?? {}, ...(chain && { chain }) },
  });
  try {
    if (await announceUse(store)) await unpackAgain(engine, imageName, chain);
    await snapshots.prepare(container.snapshot, chain, { volatile: container.autoRemove });
    return container;
  } catch (error) {
    await snapshots.remove(container.snapshot).catch(() => {});
    await removeContainer(root, container);
    throw error;
  }
}

/** An image for another system is kept, shown and passed on, but its programs need that system's kernel. */
export function requireRunnable(name: string, { os }: ImageConfig): void {
  if (os === 'linux') return;
  const host = os === 'windows' ? 'a Windows host' : `a host of ${os || 'the system that it does not name'}`;
  throw new EngineError(
    'NotImplemented',
    `${name} is an image for ${os || 'no system'}: to run it needs ${host}; here it can be read (strata image ls), saved and pushed`,
  );
}

/** A collection ran while the container was recorded: what the container stands on may have gone before it was seen. */
async function unpackAgain(engine: Engine, imageName: string, chain: Digest | undefined): Promise<void> {
  const { image }: FoundImage = await requireImage(engine.store, imageName);
  if (chain && image.chain.at(-1) === chain) await unpackImage(engine.store, await engine.snapshots(), image);
}
