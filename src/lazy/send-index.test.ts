import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFakeRegistry } from '../client/fake-registry.ts';
import { type RegistryClient, registryClient } from '../client/index.ts';
import { describe, digestOf, MediaType } from '../oci/index.ts';
import { indexArtifact } from './artifact.ts';
import { INDEX_TYPE } from './media-types.ts';
import { sendIndex } from './send-index.ts';

test('a registry that lists no referrers gets the list under the tag that stands in for it, beside what is there', async () => {
  await using registry = await startFakeRegistry(); // it answers 404 for referrers
  await using client = registryClient(registry.host, { configFile: '/nonexistent/config.json', backoff: 1 });
  const subject = describe(Buffer.from('an image'), MediaType.ociManifest);
  const layer = describe(Buffer.from('a layer'), MediaType.ociLayerGzip);
  const first = indexArtifact(subject, [{ layer, toc: Buffer.from('toc'), spans: Buffer.from('spans') }]);
  const second = indexArtifact(subject, [{ layer, toc: Buffer.from('another'), spans: Buffer.from('spans') }]);
  for (const artifact of [first, second, first]) await sendIndex(client, 'a/b', artifact, { subject: subject.digest });
  const listed = await referrersOf(client, subject.digest);
  assert.deepEqual(listed, [first.descriptor.digest, second.descriptor.digest]);
  assert.ok(registry.manifests.has(`a/b/${subject.digest.replace(':', '-')}`));
  assert.ok(registry.blobs.has(digestOf('toc')) && registry.blobs.has(digestOf('{}')));
});

async function referrersOf(client: RegistryClient, digest: Parameters<RegistryClient['referrers']>[1]) {
  const found: string[] = [];
  for await (const entry of client.referrers('a/b', digest, { artifactType: INDEX_TYPE })) found.push(entry.digest);
  return found;
}
