import { type Image, imageOf } from '../image/index.ts';
import {
  algorithmOf,
  type Descriptor,
  DigestMismatch,
  digestOf,
  parseImageConfig,
  parseManifest,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { EngineError, readAll } from '../std/index.ts';
import { chooseImage, type RegistryPlace } from '../transfer/index.ts';
import type { Engine } from './engine.ts';

/** An image as its registry has it: its documents, and where its blobs are. */
export interface RemoteImage {
  readonly reference: Reference;
  readonly place: RegistryPlace;
  readonly image: Image;
}

const CONFIG_LIMIT = 8 << 20;

/** Asks a registry for the documents of the image for this machine that `text` names. Nothing is stored. */
export async function readRemoteImage(
  engine: Engine,
  text: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<RemoteImage> {
  const reference = withDefaultTag(parseReference(text));
  const place = (await engine.registries()).place(reference, signal ? { signal } : {});
  const top = await place.resolve();
  let { descriptor, bytes }: { descriptor: Descriptor; bytes: Buffer } = top;
  let document = parseManifest(bytes, descriptor.mediaType);
  if (document.kind === 'index') {
    ({ descriptor, bytes } = await place.manifest(chooseImage(document.index, undefined, text)));
    document = parseManifest(bytes, descriptor.mediaType);
  }
  if (document.kind !== 'manifest')
    throw new EngineError('InvalidArgument', `${text}: ${descriptor.digest} is an index inside an index`);
  const { manifest } = document;
  const { digest } = manifest.config;
  const config = await readAll(await place.blob(manifest.config), { limit: CONFIG_LIMIT, what: `config ${digest}` });
  const actual = digestOf(config, algorithmOf(digest));
  if (actual !== digest) throw new DigestMismatch(`config of ${text}`, digest, actual);
  return { reference, place, image: imageOf(top.descriptor, descriptor, manifest, parseImageConfig(config)) };
}
