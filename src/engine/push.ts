import { requireImage } from '../image/index.ts';
import {
  type Descriptor,
  type Digest,
  familiarReference,
  formatReference,
  isIndexType,
  isManifestType,
  parseManifest,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { type Job, type JobContext, startJob } from '../std/index.ts';
import type { ContentStore, Store } from '../store/index.ts';
import { compressedSource, copyImage, type TransferEvent } from '../transfer/index.ts';
import type { Engine } from './engine.ts';
import { imageEvent } from './image-event.ts';
import { sendMadeIndex } from './index-image.ts';

export interface PushOptions {
  readonly signal?: AbortSignal;
}

export interface Pushed {
  readonly name: string;
  /** What the registry now gives for the name. */
  readonly digest: Digest;
  /** Bytes of the manifest, which docker prints. */
  readonly size: number;
}

/** Pushes the image of that name to the registry that the name says. An index goes whole where all of it is here, else as the one image that is. */
export function push(engine: Engine, text: string, options: PushOptions = {}): Job<TransferEvent, Pushed> {
  return startJob((context) => pushImage(engine, text, context), options);
}

async function pushImage(engine: Engine, text: string, { signal, report }: JobContext<TransferEvent>): Promise<Pushed> {
  const { store } = engine;
  const reference = withDefaultTag(parseReference(text));
  const name = formatReference(reference);
  await using lease = await store.lease();
  const { record, image } = await requireImage(store, name);
  await lease.add(record.descriptor.digest, image.manifestDescriptor.digest);
  const whole = isIndexType(record.descriptor.mediaType) && (await isWhole(store.content, record.descriptor));
  const target = whole ? record.descriptor : image.manifestDescriptor;
  // Asked before anything is compressed: a registry that is not there, or does not know us, says so at once.
  await (await engine.registries()).client(reference.registry).ping({ signal });
  const neighbours = await neighboursOf(store, reference);
  const place = (await engine.registries()).place(reference, { mountFrom: () => neighbours, signal });
  const source = await compressedSource(store, target, name, place, { signal, report });
  const copied = await copyImage(source, place, {
    signal,
    report: (event) => {
      if (event.kind === 'resolved' || !source.sent.has(event.id)) report(event); // those were told of as they went
    },
    allPlatforms: whole,
  });
  const { registry, repository } = reference;
  if (whole || copied.target.digest === image.manifestDescriptor.digest)
    await sendMadeIndex(engine, reference, image.manifestDescriptor.digest, { signal });
  await store.images.set(name, record.descriptor, {
    source: formatReference({ registry, repository, digest: copied.target.digest }),
  });
  imageEvent(engine, 'push', familiarReference(reference));
  return { name, digest: copied.target.digest, size: copied.target.size };
}

/** Whether everything that `descriptor` leads to is here. */
async function isWhole(content: ContentStore, { digest, mediaType }: Descriptor): Promise<boolean> {
  if (!(await content.stat(digest))) return false;
  if (!isIndexType(mediaType) && !isManifestType(mediaType)) return true;
  const document = parseManifest(await content.read(digest), mediaType);
  const parts =
    document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
  for (const part of parts) if (!(await isWhole(content, part))) return false;
  return true;
}

/** Other repositories of the registry that this state's images came from or went to: they may hold a layer that is to be sent. */
async function neighboursOf({ images }: Store, { registry, repository }: Reference): Promise<string[]> {
  const sources = (await images.list()).flatMap(({ source }) => (source === undefined ? [] : [parseReference(source)]));
  const others = sources.filter((other) => other.registry === registry && other.repository !== repository);
  return [...new Set(others.map((other) => other.repository))].slice(-MOST_NEIGHBOURS);
}

/** Each is asked for each blob that is missing. */
const MOST_NEIGHBOURS = 4;
