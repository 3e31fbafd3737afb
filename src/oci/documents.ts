import { EngineError } from '../std/index.ts';
import { checkStringMap, requireArray, requireObject, type Unchecked, whenPresent, wrong } from './check.ts';
import { parseDescriptor, requireMediaType } from './descriptor.ts';
import { isIndexType, isManifestType, MediaType } from './media-types.ts';
import { parseStrictJson } from './strict-json.ts';
import type { Index, Manifest } from './types.ts';

/** distribution-spec, "Pushing Manifests": registries and clients take at most this much. */
export const MAX_MANIFEST_BYTES: number = 4 * 1024 * 1024;

/** A manifest or an index, never both. */
export type ParsedDocument =
  | { readonly kind: 'manifest'; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: Index };

/**
 * Reads a manifest or index, refusing whatever two readers could understand in two ways (CVE-2021-41190): the body's mediaType must be
 * `mediaType` (the Content-Type or the descriptor's), and it may not look like both. Throws InvalidArgument, NotImplemented for Docker schema 1.
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): ParsedDocument {
  if (bytes.length > MAX_MANIFEST_BYTES) {
    throw new EngineError(
      'ResourceExhausted',
      `manifest has ${bytes.length} bytes, at most ${MAX_MANIFEST_BYTES} are allowed`,
    );
  }
  const given = mediaType?.split(';', 1)[0]?.trim().toLowerCase();
  if (given?.startsWith(SCHEMA_1)) throw schema1();
  const body: Body = requireObject<Manifest & Index>(parseStrictJson(bytes, 'manifest'), 'manifest');
  if (body.schemaVersion === 1 || 'fsLayers' in body) throw schema1();

  checkFieldNames(body);
  if (body.schemaVersion !== 2) throw wrong('manifest: schemaVersion', '2', body.schemaVersion);
  if ('manifests' in body && ('layers' in body || 'config' in body)) {
    throw new EngineError('InvalidArgument', 'ambiguous manifest: it has manifests and also layers or a config');
  }
  const type = mediaTypeOf(body, given);
  if (isIndexType(type)) return { kind: 'index', mediaType: type, index: checkIndex(body) };
  if (isManifestType(type)) return { kind: 'manifest', mediaType: type, manifest: checkManifest(body, type) };
  throw new EngineError('InvalidArgument', `manifest has the unknown media type ${JSON.stringify(type)}`);
}

const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+';
type Body = Unchecked<Manifest & Index>;
const FIELDS = [
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
  'annotations',
];

function schema1(): EngineError {
  return new EngineError(
    'NotImplemented',
    'the image is in docker schema 1, which is obsolete and insecure; push the image again with a newer client',
  );
}

/** Go reads keys in any case, others exactly: `"Layers"` is layers to some. */
function checkFieldNames(body: Body): void {
  for (const key of Object.keys(body)) {
    const field = FIELDS.find((name) => name !== key && name.toLowerCase() === key.toLowerCase());
    if (field) {
      throw new EngineError('InvalidArgument', `ambiguous manifest: it has ${JSON.stringify(key)} for ${field}`);
    }
  }
}

function mediaTypeOf(body: Body, given: string | undefined): string {
  const own = body.mediaType;
  if (own === undefined || own === null || own === '') {
    // Only OCI lets the body go without: docker's types are always written.
    const type = 'manifests' in body ? MediaType.ociIndex : MediaType.ociManifest;
    if (given === undefined || given === type) return type;
    throw new EngineError('InvalidArgument', `manifest was sent as ${given}, but its body is an unlabelled ${type}`);
  }
  const type = requireMediaType(own, 'manifest: mediaType');
  if (given !== undefined && type !== given) {
    throw new EngineError('InvalidArgument', `manifest was sent as ${given}, but its body says ${type}`);
  }
  return type;
}

function checkManifest(body: Body, type: string): Manifest {
  if ('manifests' in body) throw new EngineError('InvalidArgument', `ambiguous manifest: ${type} has no manifests`);
  parseDescriptor(body.config, 'manifest: config');
  // Docker pushes an image of no layers as null or [].
  const layers = requireArray(
    type === MediaType.dockerManifest ? (body.layers ?? []) : body.layers,
    'manifest: layers',
  );
  if (layers.length === 0 && type === MediaType.ociManifest)
    throw wrong('manifest: layers', 'at least one layer', layers);
  for (const [index, layer] of layers.entries()) parseDescriptor(layer, `manifest: layers[${index}]`);
  checkCommon(body);
  return { ...(body as Manifest), layers: layers as Manifest['layers'] };
}

function checkIndex(body: Body): Index {
  const manifests = requireArray(body.manifests ?? [], 'index: manifests');
  for (const [index, entry] of manifests.entries()) parseDescriptor(entry, `index: manifests[${index}]`);
  if ('layers' in body || 'config' in body)
    throw new EngineError('InvalidArgument', 'ambiguous index: it has layers or a config');
  checkCommon(body);
  return { ...(body as Index), manifests: manifests as Index['manifests'] };
}

function checkCommon(body: Body): void {
  whenPresent(body.subject, 'manifest: subject', parseDescriptor);
  whenPresent(body.artifactType, 'manifest: artifactType', requireMediaType);
  whenPresent(body.annotations, 'manifest: annotations', checkStringMap);
}
