import {
  algorithmOf,
  digestOf,
  isDigest,
  isForeignLayerType,
  type ParsedDocument,
  parseManifest,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { ProtocolError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { isTag } from './router.ts';
import { type ManifestRecord, type NewManifest, type RequiredContent, TagImmutable } from './storage/names.ts';

const WARN_FROM = 0.9; // of a quota

/** end-3, end-7 and end-9: manifests and indexes by tag or digest. */
export async function serveManifest(exchange: Exchange, repository: string, reference: string): Promise<void> {
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      return await getManifest(exchange, repository, reference);
    case 'PUT':
      return await putManifest(exchange, repository, reference);
    case 'DELETE':
      return await deleteManifest(exchange, repository, reference);
    default:
      return exchange.refuseMethod('GET', 'HEAD', 'PUT', 'DELETE');
  }
}

/** The bytes as they were pushed, whatever `Accept` says: another form would have another digest. */
async function getManifest(exchange: Exchange, repository: string, reference: string): Promise<void> {
  exchange.demand('pull', repository);
  const { storage, cache } = exchange.registry;
  const record = await storage.names.findManifest(repository, reference);
  if (!record) throw unknownManifest(repository, reference);
  const headers = {
    'content-type': record.mediaType,
    'docker-content-digest': record.digest,
    etag: `"${record.digest}"`,
  };
  if (exchange.request.headers['if-none-match'] === headers.etag) return exchange.send(304, headers);
  if (exchange.method === 'HEAD') return exchange.send(200, { ...headers, 'content-length': record.size });

  let content = cache.get(record.digest);
  if (!content) {
    content = await storage.names.readManifest(record.digest);
    if (!content) {
      const isGone = !(await storage.names.findManifest(repository, record.digest)); // deleted and collected since we looked
      if (isGone) throw unknownManifest(repository, reference);
      throw new EngineError('DataLoss', `the bytes of manifest ${record.digest} are gone`);
    }
    cache.set(record.digest, content);
  }
  storage.names.recordPull(repository, record.digest);
  exchange.send(200, headers, content);
}

async function putManifest(exchange: Exchange, repository: string, reference: string): Promise<void> {
  exchange.demand('push', repository);
  const digestAsked = isDigest(reference) ? reference : undefined;
  if (!digestAsked && reference.includes(':')) throw new ProtocolError('DIGEST_INVALID', 'invalid digest');
  if (!digestAsked && !isTag(reference)) {
    throw new ProtocolError('TAG_INVALID', `invalid tag ${JSON.stringify(reference.slice(0, 200))}`);
  }
  const content = await exchange.readBody(exchange.registry.limits.manifestBytes, 'manifest');
  const document = parse(content, exchange.request.headers['content-type']);
  const digest = digestOf(content, digestAsked ? algorithmOf(digestAsked) : 'sha256');
  if (digestAsked && digest !== digestAsked) {
    throw new ProtocolError('DIGEST_INVALID', `manifest has digest ${digest}, expected ${digestAsked}`);
  }

  const manifest = newManifest(document, { digest, size: content.length, mediaType: document.mediaType }, content);
  const requires = exchange.registry.sparseIndexes
    ? manifest.requires.map((item) => (item.kind === 'child' ? { ...item, optional: true } : item))
    : manifest.requires;
  const missing = await exchange.registry.storage.names.putManifest(
    repository,
    { ...manifest, requires },
    digestAsked ? undefined : reference,
    exchange.pushRules(repository),
  );
  if (missing[0]) throw missingContent(repository, missing);
  exchange.send(201, {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
    'content-length': 0,
    ...(manifest.subject && { 'oci-subject': manifest.subject }),
    ...(await quotaWarning(exchange, repository)),
  });
}

/** distribution-spec, "Warnings": clients show it to whoever pushed, before the next push is refused. */
async function quotaWarning(exchange: Exchange, repository: string): Promise<{ warning?: string }> {
  const { quota } = exchange.pushRules(repository);
  if (quota === undefined) return {};
  const used = await exchange.registry.storage.names.usageOf(repository);
  return used < quota * WARN_FROM
    ? {}
    : { warning: `299 - "${repository} holds ${used} of the ${quota} bytes that it may"` };
}

/** By digest with every tag that names it; by tag only the tag. */
async function deleteManifest(exchange: Exchange, repository: string, reference: string): Promise<void> {
  exchange.demand('delete', repository);
  if (!exchange.registry.allowDelete) {
    throw new ProtocolError('UNSUPPORTED', 'this registry does not delete', { headers: { allow: 'GET, HEAD, PUT' } });
  }
  const { storage, rules } = exchange.registry;
  const { names } = storage;
  if (!isDigest(reference) && rules.isImmutable(repository, reference)) throw new TagImmutable(repository, reference);
  const removed = isDigest(reference)
    ? await names.removeManifest(repository, reference, exchange.pushRules(repository))
    : await names.removeTag(repository, reference);
  if (!removed) throw unknownManifest(repository, reference);
  exchange.send(202, { 'content-length': 0 });
}

function parse(content: Buffer, contentType: string | undefined): ParsedDocument {
  try {
    return parseManifest(content, contentType);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new ProtocolError('MANIFEST_INVALID', error.message, { cause: error });
  }
}

function newManifest(document: ParsedDocument, record: ManifestRecord, content: Buffer): NewManifest {
  const { subject, annotations, artifactType } = document.kind === 'manifest' ? document.manifest : document.index;
  // distribution-spec, "Listing Referrers": an image manifest without a type of its own has its config's.
  const type = artifactType || (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined);
  return {
    ...record,
    content,
    requires: requirementsOf(document),
    ...(subject && { subject: subject.digest }),
    ...(type && { artifactType: type }),
    ...(annotations && { annotations }),
  };
}

function requirementsOf(document: ParsedDocument): RequiredContent[] {
  if (document.kind === 'index') {
    return document.index.manifests.map(({ digest, size }) => ({ kind: 'child', digest, size }));
  }
  const { config, layers } = document.manifest;
  return [config, ...layers].map(({ digest, size, mediaType, urls }) => ({
    kind: 'blob',
    digest,
    size,
    // Layers that may not be redistributed are fetched from their own place.
    ...((isForeignLayerType(mediaType) || (urls?.length ?? 0) > 0) && { optional: true }),
  }));
}

function missingContent(repository: string, missing: readonly RequiredContent[]): ProtocolError {
  const [{ kind, digest, size }] = missing as [RequiredContent, ...RequiredContent[]];
  const more = missing.length === 1 ? '' : ` and ${missing.length - 1} more`;
  return new ProtocolError(
    'MANIFEST_BLOB_UNKNOWN',
    `${repository} holds no ${kind === 'blob' ? 'blob' : 'manifest'} ${digest} of ${size} bytes${more}; push what a manifest names first`,
    { detail: missing.map((item) => ({ digest: item.digest, size: item.size })) },
  );
}

function unknownManifest(repository: string, reference: string): ProtocolError {
  return new ProtocolError('MANIFEST_UNKNOWN', `no manifest ${reference.slice(0, 200)} in ${repository}`);
}
