import type { Digest } from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import { ProtocolError } from './errors.ts';
import { type Exchange, requireDigest } from './exchange.ts';
import { parseContentRange } from './range.ts';
import { isRepository } from './router.ts';
import type { ReceiveLimits, Upload } from './storage/blobs.ts';
import { QuotaExceeded } from './storage/names.ts';

/** end-4 and end-11: a blob in one request, a mount from another repository, or the start of a session. */
export async function serveUploads(exchange: Exchange, repository: string): Promise<void> {
  if (exchange.method !== 'POST') exchange.refuseMethod('POST');
  exchange.demand('push', repository);
  const { query, registry } = exchange;
  const mount = query.get('mount');
  if (mount !== null) {
    const digest = requireDigest(mount);
    if (await mountBlob(exchange, repository, digest)) return sendCreated(exchange, repository, digest);
  }
  if (query.has('digest')) {
    const digest = requireDigest(query.get('digest'));
    if (!(await registry.storage.names.findBlob(repository, digest))) await expectRoom(exchange, repository);
    using _claim = await registry.storage.names.claimBlob(digest);
    const size = await whileUploading(exchange, () =>
      registry.storage.blobs.store(exchange.body(), digest, limitsOf(exchange)),
    );
    if (size === undefined) throw interrupted();
    await registry.storage.names.linkBlob(repository, digest, size, exchange.pushRules(repository));
    return sendCreated(exchange, repository, digest);
  }
  const algorithm = query.get('digest-algorithm') ?? 'sha256';
  if (algorithm !== 'sha256' && algorithm !== 'sha512') {
    throw new ProtocolError('DIGEST_INVALID', 'digest-algorithm must be sha256 or sha512');
  }
  sendProgress(exchange, 202, await registry.storage.blobs.startUpload(repository, algorithm));
}

/** end-5, end-6 and end-13: a running session. */
export async function serveUpload(exchange: Exchange, repository: string, id: string): Promise<void> {
  if (!['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'].includes(exchange.method)) {
    exchange.refuseMethod('GET', 'PATCH', 'PUT', 'DELETE');
  }
  exchange.demand('push', repository);
  const { blobs } = exchange.registry.storage;
  const upload = await blobs.findUpload(id);
  if (upload?.repository !== repository) throw unknownUpload();
  try {
    switch (exchange.method) {
      case 'PATCH':
        return sendProgress(exchange, 202, { ...upload, offset: await append(exchange, upload) });
      case 'PUT':
        return await finish(exchange, upload);
      case 'DELETE':
        await blobs.cancelUpload(id);
        return exchange.send(204, {});
      default:
        return sendProgress(exchange, 204, upload);
    }
  } catch (error) {
    throw hasCode(error, 'NotFound') ? unknownUpload() : error; // it ended while we worked
  }
}

/** Whether the repository now holds the blob. A source that the caller may not read is as good as one that does not have it. */
async function mountBlob(exchange: Exchange, repository: string, digest: Digest): Promise<boolean> {
  const { names } = exchange.registry.storage;
  const rules = exchange.pushRules(repository);
  const from = exchange.query.get('from');
  if (from !== null && isRepository(from) && exchange.allows('pull', from)) {
    if (await names.mountBlob(from, repository, digest, rules)) return true;
  }
  return exchange.allows('pull', repository) && (await names.mountBlob(repository, repository, digest, rules));
}

/** Takes the request's body into the session and returns the new offset. */
async function append(exchange: Exchange, upload: Upload): Promise<number> {
  const header = exchange.request.headers['content-range'];
  const range = header === undefined ? undefined : parseContentRange(header);
  if (header !== undefined && !range) {
    throw new ProtocolError('BLOB_UPLOAD_INVALID', 'Content-Range must be START-END');
  }
  const length = exchange.contentLength();
  await expectRoom(exchange, upload.repository, upload.offset);
  if (range && length !== undefined && length !== range.end - range.start + 1) {
    throw new ProtocolError('SIZE_INVALID', `Content-Range and Content-Length (${length}) differ`);
  }
  const { offset, complete, misplaced } = await whileUploading(exchange, () =>
    exchange.registry.storage.blobs.append(upload.id, exchange.body(), {
      ...limitsOf(exchange),
      ...(range && { expectedOffset: range.start }),
    }),
  );
  if (misplaced) {
    throw new ProtocolError('RANGE_INVALID', `the upload is at byte ${offset}`, {
      headers: progressOf({ ...upload, offset }),
    });
  }
  if (!complete) throw interrupted();
  if (range && offset !== range.end + 1) {
    throw new ProtocolError('SIZE_INVALID', `the chunk ended at byte ${offset}, Content-Range says ${range.end + 1}`, {
      headers: progressOf({ ...upload, offset }),
    });
  }
  return offset;
}

async function finish(exchange: Exchange, upload: Upload): Promise<void> {
  const digest = requireDigest(exchange.query.get('digest'));
  const { blobs, names } = exchange.registry.storage;
  if (exchange.contentLength() !== 0) await append(exchange, upload);
  using _claim = await names.claimBlob(digest);
  const size = await blobs.finishUpload(upload.id, digest);
  await names.linkBlob(upload.repository, digest, size, exchange.pushRules(upload.repository));
  sendCreated(exchange, upload.repository, digest);
}

/** Refuses a body that is too large for the repository's quota before it travels; what counts is asked again when it is linked. */
async function expectRoom(exchange: Exchange, repository: string, offset = 0): Promise<void> {
  const { quota } = exchange.pushRules(repository);
  if (quota === undefined) return;
  const size = offset + (exchange.contentLength() ?? 0);
  const used = await exchange.registry.storage.names.usageOf(repository);
  if (used + size > quota) throw new QuotaExceeded(repository, { used, size, quota });
}

async function whileUploading<Result>({ registry }: Exchange, work: () => Promise<Result>): Promise<Result> {
  if (registry.uploading >= registry.limits.uploads) {
    throw new ProtocolError('TOOMANYREQUESTS', 'too many uploads at once', { headers: { 'retry-after': '1' } });
  }
  registry.uploading += 1;
  try {
    return await work();
  } finally {
    registry.uploading -= 1;
  }
}

function limitsOf({ registry }: Exchange): ReceiveLimits {
  return { bytes: registry.limits.blobBytes, slowest: registry.limits.slowestUpload };
}

function sendCreated(exchange: Exchange, repository: string, digest: Digest): void {
  exchange.send(201, {
    location: `/v2/${repository}/blobs/${digest}`,
    'docker-content-digest': digest,
    'content-length': 0,
  });
}

function sendProgress(exchange: Exchange, status: number, upload: Upload): void {
  exchange.send(status, { ...progressOf(upload), ...(status !== 204 && { 'content-length': 0 }) });
}

/** An empty session says `0-0`, as one of one byte does: the field knows no less. */
function progressOf({ id, repository, offset }: Upload): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, offset - 1)}`,
    'docker-upload-uuid': id,
  };
}

function unknownUpload(): ProtocolError {
  return new ProtocolError('BLOB_UPLOAD_UNKNOWN', 'no such upload; begin a new one');
}

function interrupted(): ProtocolError {
  return new ProtocolError('BLOB_UPLOAD_INVALID', 'the body ended early; ask for the offset and go on from there', {
    status: 408,
  });
}
