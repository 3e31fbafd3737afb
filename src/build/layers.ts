import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '../compression/index.ts';
import { readToc, readTocFile, type Toc, type TocEntry, writeTocFile } from '../layer/index.ts';
import { chainID, createDigester, type Descriptor, type Digest, hexOf, MediaType } from '../oci/index.ts';
import { type ByteStream, EngineError } from '../std/index.ts';
import type { Store } from '../store/index.ts';

const CHUNK = 1 << 20;
const PLAIN: ReadonlySet<string> = new Set([MediaType.ociLayer, MediaType.dockerLayer]);

/** One layer of a stack: its blob, and what the blob holds. */
export interface Layer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
}

/** What a stack of layers is called; undefined for none. */
export function chainOf(stack: readonly Layer[]): Digest | undefined {
  const [first, ...rest] = stack.map(({ diffID }) => diffID);
  return first === undefined ? undefined : chainID([first, ...rest]);
}

/** Layers as builds read them: tables of contents, and content at an offset. Everything is worked out once. */
export class Layers {
  readonly #store: Store;
  readonly #scratch: string;
  readonly #tocs = new Map<Digest, Promise<Toc>>();
  readonly #tars = new Map<Digest, Promise<string>>();
  readonly #digests = new Map<string, Promise<string>>();

  /** `scratch` is a folder that goes with the build: compressed layers that content is read from are unfolded there. */
  constructor(store: Store, scratch: string) {
    this.#store = store;
    this.#scratch = scratch;
  }

  toc(layer: Layer): Promise<Toc> {
    return once(this.#tocs, layer.diffID, () => this.#findToc(layer));
  }

  /** A file's content; holes of a sparse one are zeros. */
  async *read(layer: Layer, { data, size, path }: TocEntry): ByteStream {
    if (size === 0) return;
    const fd = openSync(await this.#tar(layer), 'r');
    try {
      const runs = data?.sparse ?? [{ offset: 0, length: size }];
      let stored = data?.offset ?? 0;
      let at = 0;
      for (const run of runs) {
        yield* zeros(run.offset - at);
        for (let done = 0; done < run.length; ) {
          const buffer = Buffer.allocUnsafe(Math.min(CHUNK, run.length - done));
          const bytes = readSync(fd, buffer, 0, buffer.length, stored + done);
          if (bytes === 0) throw new EngineError('DataLoss', `layer ${layer.diffID} ends within ${path}`);
          done += bytes;
          yield buffer.subarray(0, bytes);
        }
        stored += run.length;
        at = run.offset + run.length;
      }
      yield* zeros(size - at);
    } finally {
      closeSync(fd);
    }
  }

  digest(layer: Layer, entry: TocEntry): Promise<string> {
    return once(this.#digests, `${layer.diffID} ${entry.data?.offset ?? entry.path}`, async () => {
      const digester = createDigester();
      for await (const chunk of this.read(layer, entry)) digester.update(chunk);
      return hexOf(digester.digest());
    });
  }

  async #findToc(layer: Layer): Promise<Toc> {
    const path = this.#store.layers.tocPath(layer.diffID);
    const kept = await readTocFile(path).catch(() => undefined); // a damaged one is made again
    if (kept) return kept;
    const toc = await readToc(this.#uncompressed(layer));
    if (toc.diffID !== layer.diffID)
      throw new EngineError(
        'DataLoss',
        `layer ${layer.descriptor.digest} does not hold ${layer.diffID}; pull its image again`,
      );
    await this.#store.layers.makeFolder(layer.diffID);
    await writeTocFile(path, toc);
    return toc;
  }

  #uncompressed({ descriptor }: Layer): ByteStream {
    const blob = this.#store.content.stream(descriptor.digest);
    return PLAIN.has(descriptor.mediaType) ? blob : decompress(blob);
  }

  #tar(layer: Layer): Promise<string> {
    const { descriptor, diffID } = layer;
    if (descriptor.digest === diffID) return Promise.resolve(this.#store.content.path(diffID));
    return once(this.#tars, diffID, async () => {
      const path = join(this.#scratch, `layer-${hexOf(diffID)}.tar`);
      await using file = await open(path, 'wx', 0o600);
      for await (const chunk of this.#uncompressed(layer)) await file.writeFile(chunk);
      return path;
    });
  }
}

function once<Key, Value>(memory: Map<Key, Promise<Value>>, key: Key, work: () => Promise<Value>): Promise<Value> {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const value = work();
  memory.set(key, value);
  value.catch(() => memory.delete(key));
  return value;
}

function* zeros(count: number): Generator<Buffer> {
  for (let left = count; left > 0; left -= CHUNK) yield Buffer.alloc(Math.min(left, CHUNK));
}
