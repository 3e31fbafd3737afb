import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { unmountBelow } from '../../test/contracts/unmount-below.ts';
import { describe, digestOf, encodeDocument, MediaType } from '../oci/index.ts';
import { hasCode, readAll } from '../std/index.ts';
import { openStore } from '../store/index.ts';
import { writeTar } from '../tar/index.ts';
import { storeSource, writeArchive } from '../transfer/index.ts';
import { openEngine } from './engine.ts';
import { load } from './load.ts';

const PLAIN = { type: 'file', mode: 0o644, uid: 0, gid: 0, userName: '', groupName: '', mtime: 0n } as const;

/** The tar of a layer with one empty file. */
function layerOf(name: string): Promise<Buffer> {
  return readAll(writeTar([{ entry: { ...PLAIN, name, size: 0 } }]), { limit: 1 << 20, what: 'layer' });
}

test('a blob that does not hold the layer that it stands for is not loaded, unpacked as that layer may be', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('unpacking needs root');
  const folder = await mkdtemp(join(tmpdir(), 'strata-load-'));
  t.after(() => {
    unmountBelow(folder);
    return rm(folder, { recursive: true, force: true });
  });
  const layer = await layerOf('true');
  const config = encodeDocument({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  });
  /** An archive of an image whose only layer is `blob`. */
  const archiveOf = async (name: string, blob: Buffer): Promise<string> => {
    const store = await openStore(join(folder, `${name}-store`));
    const manifest = encodeDocument({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: describe(config, MediaType.ociConfig),
      layers: [describe(blob, MediaType.ociLayerGzip)],
    });
    await store.content.putAll([blob, config, manifest]);
    const source = storeSource(store.content, describe(manifest, MediaType.ociManifest), name);
    const path = join(folder, `${name}.tar`);
    await writeArchive(path, [{ references: [`docker.io/library/${name}:1`], source }], { format: 'docker' });
    return path;
  };
  await using engine = await openEngine({ root: join(folder, 'state'), driver: 'vfs' });
  const honest = await archiveOf('honest', gzipSync(layer));
  await load(engine, honest).result;
  const lying = await archiveOf('lying', gzipSync(await layerOf('false')));
  for (const _ of ['at first', 'with its blob here'])
    await assert.rejects(load(engine, lying).result, (error) => hasCode(error, 'DataLoss'));
  assert.deepEqual(
    (await engine.store.images.list()).map(({ name }) => name),
    ['docker.io/library/honest:1'],
  );
  const again = await archiveOf('again', gzipSync(layer, { level: 1 }));
  assert.deepEqual(
    (await load(engine, again).result).map(({ names }) => names),
    [['docker.io/library/again:1']],
  );
});
