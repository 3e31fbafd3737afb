import {
  type Descriptor,
  digestOf,
  formatPlatform,
  hostPlatform,
  type ImageConfig,
  type Manifest,
  type Platform,
  parseImageConfig,
  parseManifest,
  parseReference,
  selectPlatform,
  withDefaultTag,
} from '../oci/index.ts';
import { EngineError, readAll } from '../std/index.ts';
import type { Engine } from './engine.ts';

/** What a registry's image says of itself, without storing any of it. */
export interface RemoteInspection {
  readonly Name: string;
  readonly Digest: string;
  readonly Platforms: readonly string[];
  readonly Manifest: Manifest;
  readonly Config: ImageConfig;
  /** Compressed bytes of all its layers. */
  readonly Size: number;
}

export async function inspectRemote(
  engine: Engine,
  text: string,
  { platform, signal }: { platform?: Platform; signal?: AbortSignal } = {},
): Promise<RemoteInspection> {
  const source = (await engine.registries()).place(withDefaultTag(parseReference(text)));
  const top = await source.resolve();
  const document = parseManifest(top.bytes, top.descriptor.mediaType);
  const offered = document.kind === 'index' ? document.index.manifests : [];
  let manifest: Manifest;
  if (document.kind === 'manifest') manifest = document.manifest;
  else {
    const chosen: Descriptor | undefined =
      selectPlatform(offered, platform ?? hostPlatform()) ?? (platform ? undefined : offered[0]);
    if (!chosen)
      throw new EngineError('NotFound', `${text} has no image for ${formatPlatform(platform ?? hostPlatform())}`);
    const inner = await source.manifest(chosen);
    const parsed = parseManifest(inner.bytes, inner.descriptor.mediaType);
    if (parsed.kind !== 'manifest')
      throw new EngineError('InvalidArgument', `${text}: ${chosen.digest} is an index inside an index`);
    manifest = parsed.manifest;
  }
  const bytes = await readAll(await source.blob(manifest.config, signal ? { signal } : {}), {
    limit: 8 << 20,
    what: `config ${manifest.config.digest}`,
  });
  if (digestOf(bytes) !== manifest.config.digest)
    throw new EngineError('DataLoss', `${text}: its config came with other bytes than its digest says`);
  return {
    Name: source.name,
    Digest: top.descriptor.digest,
    Platforms: offered.flatMap(({ platform }) =>
      platform && platform.os !== 'unknown' ? [formatPlatform(platform)] : [],
    ),
    Manifest: manifest,
    Config: parseImageConfig(bytes),
    Size: manifest.layers.reduce((sum, { size }) => sum + size, 0),
  };
}
