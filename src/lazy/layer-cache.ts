import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { algorithmOf, hexOf } from '../oci/index.ts';
import { randomHex, writeFileAtomic } from '../std/index.ts';
import { lazyFolder } from './made-indexes.ts';

/** The files of a layer that is fetched in parts. The folder is named for its blob and its index, so that another index begins anew. */
export const CacheFile = {
  /** Table of contents and spans, as the index has them. */
  toc: 'toc',
  spans: 'spans',
  /** The uncompressed tar, with holes where nothing was fetched yet. */
  tar: 'tar',
  /** A byte for each span, 1 where the tar has it: set when that is safe on disk. */
  have: 'have',
  /** There once all of the tar was found to be what the image's config names. */
  verified: 'verified',
} as const;

export function cacheFolder(root: string, layer: Digest, spans: Digest): string {
  return join(lazyFolder(root), 'layers', `${algorithmOf(layer)}-${hexOf(layer)}-${hexOf(spans).slice(0, 16)}`);
}

/** Whether the index of a layer is in its folder already. */
export function isCached(folder: string): boolean {
  return existsSync(join(folder, CacheFile.spans)) && existsSync(join(folder, CacheFile.toc));
}

/** Puts a layer's index into its folder. The spans come last: they say that it is whole. */
export async function keepIndex(folder: string, { toc, spans }: { toc: Uint8Array; spans: Uint8Array }): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(folder, CacheFile.toc), toc);
  await writeFileAtomic(join(folder, CacheFile.spans), spans);
}

/** Forgets a layer: its index, and what was fetched by it. Whoever has it open goes on. */
export async function dropCache(folder: string): Promise<void> {
  const aside = `${folder}.gone-${randomHex(4)}`;
  await rename(folder, aside).catch(() => {});
  await rm(aside, { recursive: true, force: true });
}

/** What was fetched of a layer: written by one thread, read by another. Several processes may fetch the same; they write the same bytes. */
export class LayerCache implements AsyncDisposable {
  readonly folder: string;
  readonly #tar: FileHandle;
  readonly #have: FileHandle;
  /** A byte for each span, 1 once it can be read. */
  readonly present: Uint8Array;
  /** Those that were written since the disk was last waited for. */
  #unsafe: number[] = [];

  private constructor(folder: string, tar: FileHandle, have: FileHandle, present: Uint8Array) {
    this.folder = folder;
    this.#tar = tar;
    this.#have = have;
    this.present = present;
  }

  /** `present` is shared with those who read. */
  static async open(folder: string, present: Uint8Array): Promise<LayerCache> {
    const tar = await open(join(folder, CacheFile.tar), 'a', 0o600);
    await tar.close();
    const have = await open(join(folder, CacheFile.have), 'a', 0o600);
    await have.close();
    const known = await readFile(join(folder, CacheFile.have));
    for (let span = 0; span < present.length; span++) if (known[span] === 1) Atomics.store(present, span, 1);
    return new LayerCache(
      folder,
      await open(join(folder, CacheFile.tar), 'r+'),
      await open(join(folder, CacheFile.have), 'r+'),
      present,
    );
  }

  get isVerified(): boolean {
    return existsSync(join(this.folder, CacheFile.verified));
  }

  async write(span: number, offset: number, content: Buffer): Promise<void> {
    for (let done = 0; done < content.length; )
      done += (await this.#tar.write(content, done, content.length - done, offset + done)).bytesWritten;
    Atomics.store(this.present, span, 1);
    this.#unsafe.push(span);
  }

  /** Waits for the disk, then notes what it has: after a power cut nothing is taken for there that is not. */
  async settle(): Promise<void> {
    const spans = this.#unsafe;
    if (spans.length === 0) return;
    this.#unsafe = [];
    await this.#tar.datasync();
    for (const span of spans) await this.#have.write(Buffer.of(1), 0, 1, span);
  }

  /** Every byte of the tar is right. */
  markVerified(): void {
    writeFileSync(join(this.folder, CacheFile.verified), '', { mode: 0o600 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
    await this.#tar.close();
    await this.#have.close();
  }
}

/** Reads the tar where it is there. */
export function openCachedTar(folder: string): { read(into: Uint8Array, position: number): number } & Disposable {
  const fd = openSync(join(folder, CacheFile.tar), 'a+', 0o600);
  return {
    read(into, position) {
      let done = 0;
      while (done < into.length) {
        const count = readSync(fd, into, done, into.length - done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
