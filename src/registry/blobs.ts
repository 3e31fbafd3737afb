import { hasCode } from '../std/index.ts';
import { ProtocolError } from './errors.ts';
import { type Exchange, requireDigest } from './exchange.ts';
import { parseRange } from './range.ts';
import type { ByteRange } from './storage/blobs.ts';

const TOUCH_AFTER = 15 * 60_000; // well within collection's grace

/** end-2 and end-10: a blob of a repository. That another repository holds the bytes is nothing to this one's callers. */
export async function serveBlob(exchange: Exchange, repository: string, text: string): Promise<void> {
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      return await getBlob(exchange, repository, text);
    case 'DELETE':
      return await deleteBlob(exchange, repository, text);
    default:
      return exchange.refuseMethod('GET', 'HEAD', 'DELETE');
  }
}

async function getBlob(exchange: Exchange, repository: string, text: string): Promise<void> {
  exchange.demand('pull', repository);
  const digest = requireDigest(text);
  const { storage } = exchange.registry;
  const held = await storage.names.findBlob(repository, digest);
  if (!held) throw unknownBlob(repository, digest);
  // Who looks whether it is there pushes a manifest that names it next: collection leaves them the time.
  if (exchange.method === 'HEAD') await storage.names.touchBlob(repository, digest, Date.now() - TOUCH_AFTER);

  const { size } = held;
  const etag = `"${digest}"`;
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  };
  const asked = exchange.request.headers;
  if (asked['if-none-match'] === etag) return exchange.send(304, headers);
  const isFresh = asked['if-range'] === undefined || asked['if-range'] === etag;
  const range = isFresh ? parseRange(asked.range, size) : undefined;
  if (range === 'unsatisfiable') {
    throw new ProtocolError('RANGE_INVALID', `the blob has ${size} bytes`, {
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  const part: ByteRange = range ?? { start: 0, end: size - 1 };
  const length = part.end - part.start + 1;
  const head = {
    ...headers,
    'content-length': length,
    ...(range && { 'content-range': `bytes ${part.start}-${part.end}/${size}` }),
  };
  if (exchange.method === 'HEAD' || length === 0) return exchange.send(range ? 206 : 200, head);

  // The head goes with the first bytes: a file that can't be opened still becomes a proper error.
  exchange.response.statusCode = range ? 206 : 200;
  for (const [name, value] of Object.entries(head)) exchange.response.setHeader(name, value);
  try {
    await storage.blobs.send(digest, part, exchange.response);
  } catch (error) {
    const isGone = hasCode(error, 'DataLoss') && !(await storage.names.findBlob(repository, digest));
    throw isGone ? unknownBlob(repository, digest) : error; // deleted and collected since we looked
  }
  exchange.response.end();
}

/** Takes the blob from this repository. */
async function deleteBlob(exchange: Exchange, repository: string, text: string): Promise<void> {
  exchange.demand('delete', repository);
  if (!exchange.registry.allowDelete) {
    throw new ProtocolError('UNSUPPORTED', 'this registry does not delete', { headers: { allow: 'GET, HEAD' } });
  }
  const digest = requireDigest(text);
  if (!(await exchange.registry.storage.names.unlinkBlob(repository, digest))) throw unknownBlob(repository, digest);
  exchange.send(202, { 'content-length': 0 });
}

function unknownBlob(repository: string, digest: string): ProtocolError {
  return new ProtocolError('BLOB_UNKNOWN', `no blob ${digest} in ${repository}`);
}
