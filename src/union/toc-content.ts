import type { LayerSource, TocEntry } from '../layer/index.ts';
import { errnoError } from './errno.ts';
import type { Content } from './layer-node.ts';

/** Random access to a layer's bytes that answers at once: a local file. Returns bytes read, less than `into` holds at the end alone. */
export interface SyncLayerSource {
  readSync(into: Uint8Array, position: number): number;
}

/** Where a run of a file's data lies in its tar. Between runs there are zeros. */
interface Extent {
  readonly offset: number;
  readonly length: number;
  /** In the tar. */
  readonly at: number;
}

/** A file's bytes where they lie in its layer's tar, holes read as zeros. */
export class TocContent implements Content {
  readonly size: number;
  readonly remote: boolean;
  readonly fd: undefined;
  readonly #path: string;
  readonly #extents: readonly Extent[];
  readonly #source: LayerSource | SyncLayerSource | undefined;

  constructor(entry: TocEntry, source: LayerSource | SyncLayerSource | undefined) {
    this.size = entry.size;
    this.#path = entry.path;
    this.#extents = extentsOf(entry);
    this.#source = source;
    this.remote = this.#extents.length > 0 && source !== undefined && !('readSync' in source);
  }

  read(into: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - position));
    for (const { target, at } of this.#parts(into.subarray(0, length), position)) {
      const source = this.#source;
      if (!source) throw errnoError('EIO', 'read', this.#path);
      if (!('readSync' in source)) throw errnoError('EAGAIN', 'read', this.#path);
      if (source.readSync(target, at) < target.length) throw errnoError('EIO', 'read', this.#path);
    }
    return length;
  }

  async readLater(into: Uint8Array, position: number): Promise<number> {
    const source = this.#source;
    if (!source || 'readSync' in source) return this.read(into, position);
    const length = Math.max(0, Math.min(into.length, this.size - position));
    for (const { target, at } of this.#parts(into.subarray(0, length), position)) {
      const bytes = await source.read(at, target.length);
      if (bytes.length < target.length) throw errnoError('EIO', 'read', this.#path);
      target.set(bytes.subarray(0, target.length));
    }
    return length;
  }

  /** What of `into` is data, and where it lies; all else of it is made zero. */
  *#parts(into: Uint8Array, position: number): Generator<{ target: Uint8Array; at: number }> {
    const end = position + into.length;
    let done = position;
    for (let index = this.#firstAfter(position); index < this.#extents.length; index++) {
      const { offset, length, at } = this.#extents[index] as Extent;
      if (offset >= end) break;
      const from = Math.max(position, offset);
      const until = Math.min(end, offset + length);
      into.fill(0, done - position, from - position);
      yield { target: into.subarray(from - position, until - position), at: at + from - offset };
      done = until;
    }
    into.fill(0, done - position);
  }

  /** The first extent that ends after `position`. */
  #firstAfter(position: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { offset, length } = this.#extents[middle] as Extent;
      if (offset + length > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  seek(offset: number, whence: 'data' | 'hole'): number | undefined {
    if (offset >= this.size) return undefined;
    let at = offset;
    for (let index = this.#firstAfter(offset); index < this.#extents.length; index++) {
      const extent = this.#extents[index] as Extent;
      if (whence === 'data') return Math.max(at, extent.offset);
      if (extent.offset > at) return at;
      at = extent.offset + extent.length;
    }
    return whence === 'data' ? undefined : Math.min(at, this.size);
  }

  [Symbol.dispose](): void {}
}

function extentsOf({ data }: TocEntry): Extent[] {
  if (!data || data.length === 0) return [];
  let at = data.offset;
  return (data.sparse ?? [{ offset: 0, length: data.length }]).map(({ offset, length }) => {
    const extent = { offset, length, at };
    at += length;
    return extent;
  });
}
