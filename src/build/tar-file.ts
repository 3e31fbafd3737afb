import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { decompress } from '../compression/index.ts';
import type { ByteStream } from '../std/index.ts';
import { readTar, type TarEntry, tarParser } from '../tar/index.ts';

const CHUNK = 1 << 20;
/** A tar's first member is told by its first block, and by headers of its own before it at most. */
const START = 1 << 17;

/** A member of a tar on disk, and where its data lies. */
export interface TarFileMember {
  readonly entry: TarEntry;
  readonly offset: number;
}

/** Writes what `stream` decompresses to into a new file. */
export async function spool(stream: ByteStream, path: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of decompress(stream)) await file.writeFile(chunk);
}

export async function listTarFile(path: string): Promise<TarFileMember[]> {
  const members: TarFileMember[] = [];
  for await (const { entry, position } of readTar(readRange(path, 0, Number.POSITIVE_INFINITY))) {
    members.push({ entry, offset: position.dataOffset });
  }
  return members;
}

/** The content of a member, holes of a sparse one as zeros. */
export async function* readMember(path: string, { entry, offset }: TarFileMember): ByteStream {
  let stored = offset;
  let at = 0;
  for (const run of entry.sparse ?? [{ offset: 0, length: entry.size }]) {
    if (run.offset > at) yield Buffer.alloc(run.offset - at);
    yield* readRange(path, stored, run.length);
    stored += run.length;
    at = run.offset + run.length;
  }
  if (entry.size > at) yield Buffer.alloc(entry.size - at);
}

/** Whether what `stream` decompresses to is a tar. Reads no more than its start. */
export async function isTar(stream: ByteStream): Promise<boolean> {
  let found = false;
  const entry = (): void => {
    found = true;
  };
  const parser = tarParser({ entry, data() {}, endEntry() {} });
  let read = 0;
  try {
    for await (const chunk of decompress(stream)) {
      parser.write(chunk);
      read += chunk.length;
      if (found || read > START) break;
    }
  } catch {
    return found; // whatever it is, it is no tar
  }
  return found;
}

async function* readRange(path: string, from: number, length: number): AsyncGenerator<Buffer> {
  const fd = openSync(path, 'r');
  try {
    for (let done = 0; done < length; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, length - done));
      const bytes = readSync(fd, buffer, 0, buffer.length, from + done);
      if (bytes === 0) return;
      done += bytes;
      yield buffer.subarray(0, bytes);
    }
  } finally {
    closeSync(fd);
  }
}
