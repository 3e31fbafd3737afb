import { type Descriptor, parseManifest } from '../oci/index.ts';
import { type ByteStream, EngineError, type GrowingFile } from '../std/index.ts';
import type { ContentStore, Store } from '../store/index.ts';
import type { ImageSink, ImageSource, ManifestBytes } from './place.ts';

/** The store as a place that images come from: what `target` (a record's descriptor) means. */
export function storeSource(content: ContentStore, target: Descriptor, name: string): ImageSource {
  const manifest = async (descriptor: Descriptor): Promise<ManifestBytes> => ({
    descriptor,
    bytes: await content.read(descriptor.digest),
  });
  return {
    name,
    resolve: () => manifest(target),
    manifest,
    async blob({ digest }, { offset = 0 } = {}) {
      if (!(await content.stat(digest)))
        throw new EngineError(
          'NotFound',
          `no blob ${digest} here, which ${name} needs; pull it again, or see strata fsck`,
        );
      return content.stream(digest, offset);
    },
  };
}

export interface StoreSinkOptions {
  /** Hears of a layer as its bytes begin to come in: readers may follow the file while it grows. */
  onLayer?(layer: Descriptor, file: GrowingFile): void;
  /** Gives the image its record once all of it is here; where this is absent the caller does so later. */
  record?(target: Descriptor): Promise<void>;
}

/** The store as a place that images go to. */
export function storeSink(store: Store, options: StoreSinkOptions = {}): ImageSink {
  const { content } = store;
  return {
    name: 'the local store',
    takesIn: 'downloading',
    hasBlob: ({ digest }) => content.touch(digest),
    async writeBlob(descriptor, open, { signal, report } = {}) {
      const opened = await content.ingest({ digest: descriptor.digest, size: descriptor.size });
      if ('exists' in opened) return;
      await using ingest = opened;
      options.onLayer?.(descriptor, ingest.file);
      await receive(ingest, open, { signal, report });
      await ingest.commit();
    },
    async writeManifest({ bytes }) {
      await content.put(bytes);
    },
    async finish({ descriptor, bytes }) {
      parseManifest(bytes, descriptor.mediaType);
      await content.put(bytes);
      await options.record?.(descriptor);
    },
  };
}

async function receive(
  ingest: { readonly offset: number; write(chunk: Uint8Array): Promise<void> },
  open: (offset: number) => Promise<ByteStream>,
  { signal, report }: { signal?: AbortSignal | undefined; report?: ((bytes: number) => void) | undefined },
): Promise<void> {
  let received = ingest.offset;
  for await (const chunk of await open(received)) {
    signal?.throwIfAborted();
    await ingest.write(chunk);
    received += chunk.length;
    report?.(received);
  }
}
