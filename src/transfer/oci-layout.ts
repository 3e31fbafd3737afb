import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  algorithmOf,
  createDigester,
  type Descriptor,
  DigestMismatch,
  encodeDocument,
  type Index,
  LAYOUT_FILE,
  parseManifest,
} from '../oci/index.ts';
import { type ByteStream, EngineError, isErrno, randomHex, syncFolder, writeFileAtomic } from '../std/index.ts';
import { folderFiles } from './layout-files.ts';
import {
  ANNOTATION,
  entryOf,
  findEntry,
  LAYOUT,
  type LayoutEntry,
  layoutBlobPath,
  layoutSource,
  readLayoutIndex,
} from './layout-index.ts';
import type { ImageSink, ImageSource, ManifestBytes } from './place.ts';

/** A layout is for others to read, as far as the umask has it. */
const MODE = { file: 0o644, folder: 0o755 };

export interface OciLayoutOptions {
  /** Locks a file against other processes that write to the layout, for as long as index.json changes: `lockFile` of `linux`. */
  readonly lock?: (path: string) => Promise<Disposable>;
}

/**
 * A folder that is an OCI image layout, as skopeo's `oci:PATH:REFERENCE`. Without a reference it reads the only image there is, and writes
 * one without a name. The folder is made where it is missing; an interrupted write leaves the layout as it was, but for blobs no one names.
 */
export function ociLayout(path: string, reference?: string, { lock }: OciLayoutOptions = {}): ImageSource & ImageSink {
  const folder = resolve(path);
  const files = folderFiles(folder);
  const name = `oci:${path}${reference === undefined ? '' : `:${reference}`}`;
  const source = layoutSource(files, name, async () => findEntry(await requireIndex(path), reference, path));
  let prepared: Promise<void> | undefined;
  const prepare = (): Promise<void> => {
    prepared ??= prepareFolder(folder);
    return prepared;
  };
  return {
    ...source,

    async hasBlob(descriptor) {
      return (await files.size(layoutBlobPath(descriptor.digest))) === descriptor.size;
    },

    async writeBlob(descriptor, openBlob, { signal, report } = {}) {
      await prepare();
      await writeBlobFile(folder, descriptor, await openBlob(0), { signal, report });
    },

    async writeManifest(manifest) {
      await prepare();
      await writeManifestFile(folder, manifest);
    },

    async finish(manifest) {
      await prepare();
      await writeManifestFile(folder, manifest);
      await using turns = new AsyncDisposableStack();
      turns.use(await takeTurn(folder));
      // The marker is what is locked: a file for that alone would be foreign to the layout.
      if (lock) turns.use(await lock(join(folder, LAYOUT.marker)));
      const index = await requireIndex(path);
      await writeFileAtomic(
        join(folder, LAYOUT.index),
        encodeDocument(withEntry(index, manifest.descriptor, reference)),
        {
          mode: MODE.file,
        },
      );
    },
  };
}

/** The images of a layout, in its own order. NotFound where the folder is none. */
export async function* listOciLayout(path: string): AsyncGenerator<LayoutEntry, void> {
  for (const descriptor of (await requireIndex(path)).manifests) yield entryOf(descriptor);
}

async function requireIndex(path: string): Promise<Index> {
  const index = await readLayoutIndex(folderFiles(resolve(path)));
  if (!index) throw new EngineError('NotFound', `${path} is no OCI layout: it has no file ${LAYOUT.marker}`);
  return index;
}

/** Makes `folder` a layout unless it is one. */
async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: MODE.folder });
  const names = await readdir(folder);
  if (names.includes('format') && names.includes('leases')) {
    throw new EngineError(
      'Conflict',
      `${folder} is a store of strata, which has locks of its own; copy to store:NAME with --root ${folder}`,
    );
  }
  const marked = names.includes(LAYOUT.marker);
  if (!marked && names.some((entry) => !isOurs(entry))) {
    throw new EngineError('Conflict', `${folder} is not empty and is no OCI layout; choose another folder`);
  }
  await mkdir(join(folder, LAYOUT.blobs, 'sha256'), { recursive: true, mode: MODE.folder });
  // The index comes first: a marker says that the rest is there.
  if (!names.includes(LAYOUT.index)) {
    const empty: Index = { schemaVersion: 2, manifests: [] };
    await createFile(join(folder, LAYOUT.index), encodeDocument(empty));
  }
  if (!marked) await createFile(join(folder, LAYOUT.marker), LAYOUT_FILE);
}

function isOurs(name: string): boolean {
  return name === LAYOUT.index || name === LAYOUT.blobs || name.includes('.tmp-');
}

/** As writeFileAtomic, but what another process made meanwhile stays. */
async function createFile(path: string, data: string | Uint8Array): Promise<void> {
  const aside = `${path}.tmp-${randomHex(6)}`;
  await writeFileAtomic(aside, data, { mode: MODE.file });
  try {
    await link(aside, path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
  await syncFolder(dirname(path));
}

async function writeBlobFile(
  folder: string,
  descriptor: Descriptor,
  stream: ByteStream,
  { signal, report }: { signal?: AbortSignal | undefined; report?: ((bytes: number) => void) | undefined },
): Promise<void> {
  const target = join(folder, layoutBlobPath(descriptor.digest));
  const aside = join(folder, `.tmp-${randomHex(8)}`); // not among the blobs, where every name is a digest
  await mkdir(dirname(target), { recursive: true, mode: MODE.folder });
  try {
    await using file = await open(aside, 'wx', MODE.file);
    const digester = createDigester(algorithmOf(descriptor.digest));
    let size = 0;
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      size += chunk.length;
      if (size > descriptor.size) break;
      digester.update(chunk);
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
      report?.(size);
    }
    if (size !== descriptor.size) {
      const found = size > descriptor.size ? 'more' : `${size}`;
      throw new EngineError('DataLoss', `${descriptor.digest} should have ${descriptor.size} bytes and has ${found}`);
    }
    const actual = digester.digest();
    if (actual !== descriptor.digest)
      throw new DigestMismatch('what was to be written to the layout', descriptor.digest, actual);
    await file.sync();
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

async function writeManifestFile(folder: string, { descriptor, bytes }: ManifestBytes): Promise<void> {
  parseManifest(bytes, descriptor.mediaType);
  async function* once(): AsyncGenerator<Buffer> {
    yield bytes;
  }
  await writeBlobFile(folder, descriptor, once(), {});
}

/** The last of those who want to change a layout's index, by folder: writers of one process wait for each other. */
const queues = new Map<string, Promise<void>>();

async function takeTurn(folder: string): Promise<Disposable> {
  const before = queues.get(folder);
  const { promise, resolve: leave } = Promise.withResolvers<void>();
  queues.set(folder, promise);
  await before;
  return {
    [Symbol.dispose]() {
      leave();
      if (queues.get(folder) === promise) queues.delete(folder);
    },
  };
}

/** A name means one image: the newest that was written under it. Other names of the same image stay. */
function withEntry(index: Index, descriptor: Descriptor, reference: string | undefined): Index {
  const { annotations: _of_its_source, ...bare } = descriptor;
  const named = ({ annotations }: Descriptor) => annotations?.[ANNOTATION.referenceName];
  const others = index.manifests.filter((entry) =>
    reference === undefined
      ? entry.digest !== descriptor.digest || named(entry) !== undefined
      : named(entry) !== reference,
  );
  const entry = reference === undefined ? bare : { ...bare, annotations: { [ANNOTATION.referenceName]: reference } };
  return { ...index, manifests: [...others, entry] };
}
