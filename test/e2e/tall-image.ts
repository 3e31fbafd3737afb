import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Descriptor, describe as descriptorOf, digestOf } from '../../src/oci/index.ts';
import { tarOf } from '../fixtures/stored-image.ts';

/** Adds small layers to the only image of an OCI layout until it has `count`; the last says `layer COUNT` in /srv/last. */
export function repeatLayers(layout: string, count: number): void {
  const index = read<{ manifests: Descriptor[] }>(join(layout, 'index.json'));
  const [entry] = index.manifests as [Descriptor];
  const manifest = read<{ config: Descriptor; layers: Descriptor[] }>(blob(layout, entry.digest));
  const config = read<{ rootfs: { diff_ids: string[] }; history?: unknown }>(blob(layout, manifest.config.digest));
  delete config.history; // as long as the layers or absent
  while (manifest.layers.length < count) {
    const tar = tarOf('srv/last', Buffer.from(`layer ${manifest.layers.length + 1}\n`));
    config.rootfs.diff_ids.push(digestOf(tar));
    manifest.layers.push(put(layout, gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip'));
  }
  manifest.config = put(layout, encode(config), manifest.config.mediaType);
  const described = put(layout, encode(manifest), entry.mediaType);
  index.manifests = [{ ...described, ...(entry.annotations && { annotations: entry.annotations }) }];
  writeFileSync(join(layout, 'index.json'), encode(index));
}

function put(layout: string, bytes: Buffer, mediaType: string): Descriptor {
  const descriptor = descriptorOf(bytes, mediaType);
  writeFileSync(blob(layout, descriptor.digest), bytes);
  return descriptor;
}

const blob = (layout: string, digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
const encode = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const read = <Shape>(file: string): Shape => JSON.parse(readFileSync(file, 'utf8')) as Shape;
