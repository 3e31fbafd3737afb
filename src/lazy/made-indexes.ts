import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, hexOf, isDigest } from '../oci/index.ts';
import { isErrno, writeFileAtomic } from '../std/index.ts';

/** Which indexes were made here, by the digest of the image's manifest. These alone are believed unasked. */
export interface MadeIndexes {
  get(image: Digest): Promise<Digest | undefined>;
  add(image: Digest, index: Digest): Promise<void>;
  remove(image: Digest): Promise<void>;
}

/** All that lazy starts keep is below this folder of the state. */
export function lazyFolder(root: string): string {
  return join(root, 'lazy');
}

export function madeIndexes(root: string): MadeIndexes {
  const folder = join(lazyFolder(root), 'made');
  const pathOf = (image: Digest): string => join(folder, `${algorithmOf(image)}-${hexOf(image)}`);
  return {
    async get(image) {
      try {
        const text = (await readFile(pathOf(image), 'utf8')).trim();
        return isDigest(text) ? text : undefined;
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return undefined;
        throw error;
      }
    },
    async add(image, index) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFileAtomic(pathOf(image), index);
    },
    remove: (image) => rm(pathOf(image), { force: true }),
  };
}
