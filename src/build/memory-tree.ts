import { digestOf, hexOf } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { Tree } from './tree.ts';

/** Files that are in memory: the heredocs of a COPY. */
export function memoryTree(files: ReadonlyMap<string, Buffer>, { mode, mtime }: { mode: number; mtime: bigint }): Tree {
  const requireFile = (path: string): Buffer => {
    const file = files.get(path);
    if (!file) throw new EngineError('NotFound', `no file ${path}`);
    return file;
  };
  return {
    node(path) {
      if (path === '') return { type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime };
      const file = files.get(path);
      return file && { type: 'file', mode, uid: 0, gid: 0, size: file.length, mtime };
    },
    names: (path) => (path === '' ? [...files.keys()].sort() : []),
    async *open(path) {
      yield requireFile(path);
    },
    digest: async (path) => hexOf(digestOf(requireFile(path))),
  };
}
