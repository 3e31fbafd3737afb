import { type ConfigInspection, inspectConfig } from '../image/index.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  familiarReference,
  formatPlatform,
  hostPlatform,
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

/** What a registry's image says of itself, as {@link ImageInspection} says it of ours. */
export interface RemoteInspection extends ConfigInspection {
  readonly Id: Digest;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** Compressed bytes of all its layers. */
  readonly Size: number;
  /** What the name means: a manifest or an index. */
  readonly Descriptor: Descriptor;
  /** What an index offers. */
  readonly Platforms: readonly string[];
  readonly Manifest: Manifest;
}

/** Asks a registry for all that {@link RemoteInspection} has, and stores none of it. */
export async function inspectRemote(
  engine: Engine,
  text: string,
  { platform, signal }: { platform?: Platform; signal?: AbortSignal } = {},
): Promise<RemoteInspection> {
  const reference = withDefaultTag(parseReference(text));
  const source = (await engine.registries()).place(reference, signal ? { signal } : {});
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
  const { registry, repository, tag } = reference;
  return {
    Id: manifest.config.digest,
    RepoTags: tag === undefined ? [] : [familiarReference({ registry, repository, tag })],
    RepoDigests: [familiarReference({ registry, repository, digest: top.descriptor.digest })],
    ...inspectConfig(parseImageConfig(bytes)),
    Size: manifest.layers.reduce((sum, { size }) => sum + size, 0),
    Descriptor: top.descriptor,
    Platforms: offered.flatMap(({ platform }) =>
      platform && platform.os !== 'unknown' ? [formatPlatform(platform)] : [],
    ),
    Manifest: manifest,
  };
}
