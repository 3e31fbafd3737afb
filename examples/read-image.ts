/**
 * Reads a file of an image in a registry: no store, no disk, no privilege. In a package of your own, import from 'overstrata/client' and so on.
 *
 *     node examples/read-image.ts debian:12 etc/debian_version
 */
import { registryClient } from '../src/client/index.ts';
import { decompress } from '../src/compression/index.ts';
import { readToc } from '../src/layer/index.ts';
import { hostPlatform, parseManifest, parseReference, selectPlatform, withDefaultTag } from '../src/oci/index.ts';
import { mergeLayers, nodeAt } from '../src/union/index.ts';

/** The content of `path` in the image; undefined where it has no such file. Links are not followed. */
export async function readImageFile(image: string, path: string): Promise<Buffer | undefined> {
  const { registry, repository, tag, digest } = withDefaultTag(parseReference(image));
  await using client = registryClient(registry);

  let { bytes, descriptor } = await client.manifest(repository, digest ?? tag ?? '');
  let document = parseManifest(bytes, descriptor.mediaType);
  if (document.kind === 'index') {
    const chosen = selectPlatform(document.index.manifests, hostPlatform());
    if (!chosen) throw new Error(`${image} has nothing for this machine`);
    ({ bytes, descriptor } = await client.manifest(repository, chosen.digest));
    document = parseManifest(bytes, descriptor.mediaType);
  }
  if (document.kind === 'index') throw new Error(`${image} is an index of indexes`);

  const layers = await Promise.all(
    document.manifest.layers.map(async (layer) => {
      const chunks = await Array.fromAsync(decompress(await client.blob(repository, layer)));
      const { entries } = await readToc(stream(chunks)); // names, metadata, and where in the tar their bytes lie
      return { entries, tar: Buffer.concat(chunks) };
    }),
  );
  const node = nodeAt(mergeLayers(layers), path);
  const data = node?.entry.data;
  return data && layers[node.layer]?.tar.subarray(data.offset, data.offset + data.length);
}

async function* stream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

if (import.meta.main) {
  const [, , image = 'debian:12', path = 'etc/debian_version'] = process.argv;
  process.stdout.write((await readImageFile(image, path)) ?? `no file ${path} in ${image}\n`);
}
