import { type Image, readImage, startUnpacking, type Unpacking } from '../image/index.ts';
import { readyWorker } from '../layer/index.ts';
import {
  type Descriptor,
  type Digest,
  familiarReference,
  formatReference,
  type Platform,
  parseImageConfig,
  parseReference,
  withDefaultTag,
} from '../oci/index.ts';
import { type Job, type JobContext, startJob } from '../std/index.ts';
import { copyImage, storeSink, type TransferEvent } from '../transfer/index.ts';
import type { Engine } from './engine.ts';
import { imageEvent } from './image-event.ts';

export interface PullOptions {
  readonly platform?: Platform;
  readonly allPlatforms?: boolean;
  /** Only stores the image; its layers are unpacked when a container needs them. */
  readonly unpack?: boolean;
  /** False gives the image no name: its blobs alone are wanted, for a record that is there. */
  readonly named?: boolean;
  readonly signal?: AbortSignal;
}

export interface Pulled {
  /** In full: `docker.io/library/debian:12`. */
  readonly name: string;
  /** What the registry's reference means: the manifest's or the index's digest. */
  readonly digest: Digest;
  /** False where the name meant this digest already. */
  readonly changed: boolean;
  readonly image: Image;
}

/** Pulls what `text` names: `debian:12`. Layers are unpacked while others, and they themselves, are still on their way. */
export function pull(engine: Engine, text: string, options: PullOptions = {}): Job<TransferEvent, Pulled> {
  return startJob((context) => pullImage(engine, text, { ...options, ...context }), options);
}

async function pullImage(
  engine: Engine,
  text: string,
  options: PullOptions & JobContext<TransferEvent>,
): Promise<Pulled> {
  const { signal, report, platform } = options;
  const reference = withDefaultTag(parseReference(text)); // parse at the edge, pass values inward
  const name = formatReference(reference);
  const { store } = engine;
  await using _lease = await store.lease(); // what arrives is not collected before it has its name
  const snapshots = await engine.snapshots();
  // What was unpacked before is on the disk by now, or soon: it needs not be made again after a stop of the machine.
  const settled = snapshots.sync();
  settled.catch(() => {}); // it is thrown where it is awaited
  const before = await store.images.get(name);
  await using _worker = before ? undefined : readyWorker(); // starts while the registry is asked
  const source = (await engine.registries()).place(reference, { signal });

  let unpacking: Unpacking | undefined;
  const sink = storeSink(store, { onLayer: (layer, file) => unpacking?.add(layer, file) });
  try {
    const copied = await copyImage(source, sink, {
      signal,
      report,
      ...(platform && { platform }),
      ...(options.allPlatforms && { allPlatforms: true }),
      async onImage(manifest, { digest }) {
        if (options.unpack === false || options.allPlatforms) return;
        const config = parseImageConfig(await store.content.read(digest));
        if (config.os === 'linux')
          unpacking = startUnpacking(store, snapshots, manifest, config, { signal, report: unpackReport(report) });
      },
    });
    await unpacking?.done();
    const image = await readImage(store.content, copied.target, platform);
    // Who asks for a platform means its image by the name, also where the index's image for this host is here too.
    const target = platform && !options.allPlatforms ? image.manifestDescriptor : copied.target;
    if (options.named !== false) {
      const { registry, repository } = reference;
      const source = formatReference({ registry, repository, digest: target.digest });
      await store.images.set(name, target, { source });
    }
    imageEvent(engine, 'pull', familiarReference(reference));
    return { name, digest: copied.target.digest, changed: before?.descriptor.digest !== target.digest, image };
  } finally {
    await unpacking?.settle();
    await settled;
  }
}

/** A layer's unpacking as a transfer tells of it. */
export function unpackReport(report: (event: TransferEvent) => void): (layer: Descriptor, current: number) => void {
  return ({ digest: id, size: total }, current) =>
    report({ kind: 'progress', id, activity: 'unpacking', current, total });
}
