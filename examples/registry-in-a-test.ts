/**
 * A registry for one test: on a free port of this machine, in a temporary folder that goes with it. What is under test here speaks to it as to any other.
 *
 *     node --test examples/registry-in-a-test.ts
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registryClient } from '../src/client/index.ts';
import { describe, encodeDocument, type Manifest, MediaType } from '../src/oci/index.ts';
import { startRegistry } from '../src/registry/index.ts';

test('an artifact that is pushed is found by its tag', async () => {
  await using registry = await startRegistry();
  await using client = registryClient(registry.host);

  const config = Buffer.from('{}');
  const layer = Buffer.from('any bytes at all');
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: describe(config, 'application/vnd.example.config+json'),
    layers: [describe(layer, 'application/octet-stream')],
  };
  await client.uploadBlob('my/artifact', manifest.config, async (offset) => stream(config.subarray(offset)));
  for (const descriptor of manifest.layers)
    await client.uploadBlob('my/artifact', descriptor, async (offset) => stream(layer.subarray(offset)));
  const bytes = encodeDocument(manifest);
  const digest = await client.putManifest('my/artifact', 'v1', { bytes, mediaType: MediaType.ociManifest });

  assert.equal((await client.manifest('my/artifact', 'v1')).descriptor.digest, digest);
  assert.deepEqual(await Array.fromAsync(client.tags('my/artifact')), ['v1']);
});

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
