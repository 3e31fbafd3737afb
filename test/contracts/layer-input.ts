import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf } from '../../src/oci/index.ts';
import type { LayerInput } from '../../src/snapshot/index.ts';
import { GrowingFile, readAll } from '../../src/std/index.ts';
import { type TarEntry, writeTar } from '../../src/tar/index.ts';

/** A member of a layer made by a test; what is not said has a plain value. */
export type Member = Partial<TarEntry> & Pick<TarEntry, 'name'> & { readonly content?: string | Buffer };

/** When the files of these tests changed: no whole second. */
export const MTIME = 1_600_000_000_123_456_789n;

/** An uncompressed layer of `members`. */
export async function layerOf(members: readonly Member[]): Promise<Buffer> {
  const inputs = members.map(({ content = '', ...given }) => {
    const bytes = Buffer.from(content);
    const type = given.type ?? (given.name.endsWith('/') ? 'directory' : 'file');
    const entry: TarEntry = {
      mode: type === 'directory' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      userName: '',
      groupName: '',
      size: type === 'file' ? bytes.length : 0,
      mtime: MTIME,
      ...given,
      type,
    };
    return { entry, ...(bytes.length > 0 && { content: streamOf(bytes) }) };
  });
  return await readAll(writeTar(inputs), { limit: 1 << 28, what: 'layer of a test' });
}

/** What `unpack` takes, for a layer written to a file in `folder`. */
export function inputOf(folder: string, layer: Buffer, parent?: Digest): LayerInput {
  const path = join(folder, randomBytes(6).toString('hex'));
  writeFileSync(path, layer);
  return { blob: GrowingFile.whole(path, layer.length), diffID: digestOf(layer), ...(parent && { parent }) };
}

async function* streamOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
