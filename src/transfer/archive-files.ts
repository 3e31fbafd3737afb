import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decompress, detectCompression } from '../compression/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import { type TarEntry, type TarPosition, type TarType, tarParser } from '../tar/index.ts';
import { readRange } from './byte-range.ts';
import type { LayoutFiles } from './layout-files.ts';

/** The members of an archive, readable at random until disposed. */
export interface ArchiveFiles extends LayoutFiles, AsyncDisposable {
  /** The first bytes of a file. */
  start(path: string, length: number): Promise<Buffer>;
}

/** What is kept of each member: little, as a hostile archive has as many as it may. */
interface Member {
  readonly type: TarType;
  readonly isSparse: boolean;
  readonly linkName: string | undefined;
  readonly dataOffset: number;
  readonly storedSize: number;
  /** Another member has the same name: which one is meant depends on who reads. */
  ambiguous: boolean;
}

/** An archive of images has a few members a layer: this is enough for hundreds of images with no layer in common. */
const MAX_MEMBERS = 100_000;
/** Bytes of all names and links together. */
const MAX_NAMES = 32 << 20;
const MAX_LINKS = 8;

/** Opens the tar at `path`. A compressed one is first unpacked into a temporary file, which disposing removes. */
export async function openArchiveFiles(path: string, signal?: AbortSignal): Promise<ArchiveFiles> {
  await using cleanup = new AsyncDisposableStack();
  const file = cleanup.use(await openFile(path));
  const { size } = await file.stat();
  const head = Buffer.alloc(6);
  await file.read(head, 0, head.length, 0);
  const whole = readRange(file, { offset: 0, length: size, what: path, signal });
  const plain =
    detectCompression(head) === 'none' ? file : await spool(decompress(whole, { ...(signal && { signal }) }), cleanup);
  const members = await listMembers(path, plain, signal);
  const keep = cleanup.move();
  return { ...memberFiles(path, plain, members), [Symbol.asyncDispose]: () => keep.disposeAsync() };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new EngineError('NotFound', `${path}: no such file`, { cause: error });
    throw error;
  }
}

async function spool(stream: AsyncIterable<Buffer>, cleanup: AsyncDisposableStack): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-archive-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const file = cleanup.use(await open(join(folder, 'archive.tar'), 'wx+', 0o600));
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
  }
  return file;
}

async function listMembers(path: string, file: FileHandle, signal?: AbortSignal): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  let names = 0;
  const parser = tarParser(
    {
      entry(entry, position) {
        const name = cleanName(entry.name);
        names += name.length + (entry.linkName?.length ?? 0);
        if (names > MAX_NAMES)
          throw new EngineError('ResourceExhausted', `archive refused: the names in ${path} are too long`);
        const before = members.get(name);
        if (before) before.ambiguous = before.type !== 'directory' || entry.type !== 'directory';
        else members.set(name, memberOf(entry, position));
      },
      data() {},
      endEntry() {},
    },
    { entries: MAX_MEMBERS },
  );
  const { size } = await file.stat();
  for await (const chunk of readRange(file, { offset: 0, length: size, what: path, signal })) parser.write(chunk);
  parser.end();
  return members;
}

function memberOf({ type, linkName, sparse }: TarEntry, { dataOffset, storedSize }: TarPosition): Member {
  return { type, isSparse: sparse !== undefined, linkName, dataOffset, storedSize, ambiguous: false };
}

/** A member's path without `./` and doubled slashes. What leads out of the archive is no archive of images. */
function cleanName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..') || name.includes('\\')) {
    throw new EngineError('InvalidArgument', `archive refused: its member ${JSON.stringify(name)} leads out of it`);
  }
  return parts.join('/');
}

function memberFiles(
  name: string,
  file: FileHandle,
  members: ReadonlyMap<string, Member>,
): Omit<ArchiveFiles, keyof AsyncDisposable> {
  const find = (path: string): Member | undefined => {
    const member = follow(path, members, name);
    if (!member) return undefined;
    if (member.type !== 'file' || member.isSparse) {
      throw new EngineError('InvalidArgument', `archive refused: ${JSON.stringify(path)} in ${name} is no plain file`);
    }
    return member;
  };
  const range = (path: string, offset: number, limit?: number) => {
    const member = find(path);
    if (!member) throw new EngineError('NotFound', `${name} has no member ${JSON.stringify(path)}`);
    const { dataOffset, storedSize } = member;
    const length = Math.max(0, Math.min(storedSize - offset, limit ?? storedSize));
    return { offset: dataOffset + offset, length, what: `${path} in ${name}` };
  };
  const readBytes = async ({
    offset,
    length,
    what,
  }: {
    offset: number;
    length: number;
    what: string;
  }): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of readRange(file, { offset, length, what })) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return {
    name,
    size: async (path) => find(path)?.storedSize,
    async read(path, limit) {
      const length = find(path)?.storedSize;
      if (length === undefined) return undefined;
      if (length > limit) {
        throw new EngineError('ResourceExhausted', `${path} in ${name} has ${length} bytes, at most ${limit} are read`);
      }
      return readBytes(range(path, 0));
    },
    stream: async (path, { offset, signal }) => readRange(file, { ...range(path, offset), signal }),
    start: async (path, length) => readBytes(range(path, 0, length)),
  };
}

/** The member that `path` names, links within the archive followed: docker and podman write layers that images share as symlinks. */
function follow(path: string, members: ReadonlyMap<string, Member>, name: string): Member | undefined {
  let at = cleanName(path);
  for (let links = 0; links <= MAX_LINKS; links++) {
    const member = members.get(at);
    if (member?.ambiguous) {
      throw new EngineError('InvalidArgument', `archive refused: ${name} has several members ${JSON.stringify(at)}`);
    }
    const { type, linkName = '' } = member ?? {};
    if (type === 'symlink') at = resolveLink(at, linkName, name);
    else if (type === 'hardlink') at = cleanName(linkName);
    else return member;
  }
  throw new EngineError(
    'InvalidArgument',
    `archive refused: ${JSON.stringify(path)} in ${name} leads through too many links`,
  );
}

function resolveLink(from: string, target: string, name: string): string {
  const parts = from.split('/').slice(0, -1);
  let outside = target.startsWith('/');
  for (const part of target.split('/')) {
    if (part === '..') outside ||= parts.pop() === undefined;
    else if (part !== '' && part !== '.') parts.push(part);
  }
  if (outside) {
    throw new EngineError(
      'InvalidArgument',
      `archive refused: ${JSON.stringify(from)} in ${name} is a link out of it, to ${JSON.stringify(target)}`,
    );
  }
  return parts.join('/');
}
