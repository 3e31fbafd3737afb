import { chainIDs, type Descriptor, type Digest, type ImageConfig, type Manifest } from '../oci/index.ts';
import type { LayerInput, Snapshotter } from '../snapshot/index.ts';
import { EngineError, GrowingFile } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import type { Image } from './image.ts';

export interface UnpackOptions {
  readonly signal?: AbortSignal;
  /** Bytes of a layer's blob taken in so far. */
  report?(layer: Descriptor, current: number): void;
}

/** Layers of one image on their way into snapshots. */
export interface Unpacking {
  /** The layer's bytes begin to come in; it is unpacked along with them. */
  add(layer: Descriptor, file: GrowingFile): void;
  /** Unpacks what was not added, and waits for all. Gives the chainID on which containers stand; undefined for no layers. */
  done(): Promise<Digest | undefined>;
  /** Waits until nothing runs any more, whatever came of it: for a caller that gives up. */
  settle(): Promise<void>;
}

/** Begins to unpack an image whose layers may still be on their way. */
export function startUnpacking(
  store: Store,
  snapshots: Snapshotter,
  manifest: Manifest,
  config: ImageConfig,
  options: UnpackOptions = {},
): Unpacking {
  const diffIDs = config.rootfs.diff_ids;
  const chain = chainIDs(diffIDs);
  const running = new Map<number, Promise<void>>();
  const failed = new AbortController(); // a layer that fails leaves those above it waiting
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;

  const unpack = (index: number, file: GrowingFile): void => {
    const [name, diffID, layer] = [chain[index], diffIDs[index], manifest.layers[index]];
    if (!name || !diffID || !layer)
      throw new EngineError('InvalidArgument', `the image's manifest and config disagree about layer ${index}`);
    const parent = chain[index - 1];
    const input: LayerInput = {
      blob: file,
      diffID,
      toc: store.layers.tocPath(diffID),
      report: (bytes) => options.report?.(layer, bytes),
      ...(parent && { parent }),
      signal,
    };
    const work = store.layers.makeFolder(diffID).then(() => snapshots.unpack(name, input));
    work.catch((error: unknown) => failed.abort(error)); // whoever awaits done() hears of it
    running.set(index, work);
  };

  return {
    add(layer, file) {
      manifest.layers.forEach(({ digest }, index) => {
        if (digest === layer.digest && !running.has(index)) unpack(index, file);
      });
    },
    async done() {
      for (const [index, { digest }] of manifest.layers.entries()) {
        if (running.has(index) || (await snapshots.has(chain[index] as Digest))) continue;
        const found = await store.content.stat(digest);
        if (!found) throw new EngineError('DataLoss', `layer ${digest} is not in the store; pull the image again`);
        unpack(index, GrowingFile.whole(store.content.path(digest), found.size));
      }
      const ended = await Promise.allSettled(running.values());
      failed.signal.throwIfAborted(); // the first failure, not those that followed from it
      for (const result of ended) if (result.status === 'rejected') throw result.reason;
      return chain.at(-1);
    },
    async settle() {
      await Promise.allSettled(running.values());
    },
  };
}

/** Sees to it that the image's layers are unpacked; quick where they are. Gives the chainID on which containers stand. */
export async function unpackImage(
  store: Store,
  snapshots: Snapshotter,
  image: Image,
  options: UnpackOptions = {},
): Promise<Digest | undefined> {
  const top = image.chain.at(-1);
  if (!top || (await snapshots.has(top))) return top;
  return startUnpacking(store, snapshots, image.manifest, image.config, options).done();
}
