import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteStream, EngineError, isErrno } from '../std/index.ts';
import { readRange } from './byte-range.ts';

/** Files by their paths in a folder or in an archive: an OCI layout is read from either alike. */
export interface LayoutFiles {
  /** For messages. */
  readonly name: string;
  size(path: string): Promise<number | undefined>;
  /** A small file; undefined where there is none, ResourceExhausted beyond `limit` bytes. */
  read(path: string, limit: number): Promise<Buffer | undefined>;
  /** NotFound where there is none. */
  stream(path: string, options: { offset: number; signal?: AbortSignal | undefined }): Promise<ByteStream>;
}

export function folderFiles(folder: string): LayoutFiles {
  const size = async (path: string): Promise<number | undefined> => {
    try {
      const found = await stat(join(folder, path));
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  };
  return {
    name: folder,
    size,
    async read(path, limit) {
      const length = await size(path);
      if (length === undefined) return undefined;
      if (length > limit) {
        throw new EngineError(
          'ResourceExhausted',
          `${join(folder, path)} has ${length} bytes, at most ${limit} are read`,
        );
      }
      await using file = await open(join(folder, path), 'r');
      return await file.readFile();
    },
    async stream(path, { offset, signal }) {
      const length = await size(path);
      if (length === undefined) throw new EngineError('NotFound', `${folder} has no ${path}`);
      return streamFile(join(folder, path), offset, length - offset, signal);
    },
  };
}

async function* streamFile(
  path: string,
  offset: number,
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void> {
  await using file = await open(path, 'r');
  yield* readRange(file, { offset, length, what: path, signal });
}
