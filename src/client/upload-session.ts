import { isDigest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import type { UploadContent } from './upload-content.ts';

/** What every request of one upload has. */
export type Upload = Pick<ApiRequest, 'what' | 'scopes' | 'signal'> & { readonly repository: string };

/** An upload session, and how much of the blob it has. */
export interface Position {
  readonly session: URL;
  readonly offset: number;
}

/** Registries over object stores copy or hash the whole blob before they answer. */
const COMMIT_TIMEOUT = 15 * 60_000;

export const EMPTY: Pick<ApiRequest, 'headers'> = { headers: { 'content-length': '0' } };

/** Begins a session; `digest` where the blob's is known. */
export async function begin(endpoint: Endpoint, upload: Upload, digest?: string): Promise<URL> {
  const algorithm = digest?.startsWith('sha512:') ? '?digest-algorithm=sha512' : '';
  const path = `/v2/${upload.repository}/blobs/uploads/${algorithm}`;
  const response = await endpoint.request(path, { ...upload, ...EMPTY, method: 'POST', expect: [202] });
  await response.body.dump();
  return sessionOf(endpoint, response);
}

/** PATCH with all that is left, chunked where `size` is not known yet; resolves to where the session goes on. */
export async function sendRest(
  endpoint: Endpoint,
  upload: Upload,
  { session, offset }: Position,
  content: UploadContent,
  size?: number,
): Promise<URL> {
  const response = await endpoint.request(session, {
    ...upload,
    method: 'PATCH',
    headers: {
      'content-type': 'application/octet-stream',
      ...(size !== undefined && { 'content-length': String(size - offset) }),
      ...(size !== undefined && offset > 0 && { 'content-range': `${offset}-${size - 1}` }),
    },
    body: () => content.from(offset),
    answerTimeout: COMMIT_TIMEOUT,
    expect: [201, 202, 204],
  });
  await response.body.dump();
  return response.headers.location === undefined ? session : sessionOf(endpoint, response);
}

/** PUT that ends the session; with the whole content where nothing of it was sent yet. */
export async function commit(
  endpoint: Endpoint,
  upload: Upload,
  session: URL,
  digest: string,
  whole?: { content: UploadContent; size: number },
): Promise<void> {
  const url = new URL(session);
  // By hand: URLSearchParams would spell the session's own state anew.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  const response = await endpoint.request(url, {
    ...upload,
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(whole?.size ?? 0) },
    ...(whole && whole.size > 0 && { body: () => whole.content.from(0) }),
    answerTimeout: COMMIT_TIMEOUT,
    isIdempotent: false,
    expect: [201, 204],
  });
  await response.body.dump();
  const stored = response.headers['docker-content-digest'];
  if (isDigest(stored) && stored !== digest && stored.split(':')[0] === digest.split(':')[0]) {
    throw new EngineError('DataLoss', `${endpoint.registry} stored ${stored} instead of ${digest}`);
  }
}

/** How far the session is; undefined where it can't go on (it is gone, or says what can't be). */
export async function whereIs(
  endpoint: Endpoint,
  upload: Upload,
  session: URL,
  size: number,
): Promise<Position | undefined> {
  let response: ApiResponse;
  try {
    response = await endpoint.request(session, { ...upload, method: 'GET', expect: [200, 202, 204] });
  } catch {
    upload.signal?.throwIfAborted();
    return undefined;
  }
  await response.body.dump();
  // distribution-spec: Range: 0-<last>. "0-0" is said of one byte and of none alike.
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(String(response.headers.range ?? ''))?.[1] ?? 0);
  if (last === 0 || last >= size) return undefined;
  const next = response.headers.location === undefined ? session : sessionOf(endpoint, response);
  return { session: next, offset: last + 1 };
}

/** Whether the registry has the blob, as far as it says. */
export async function hasBlob(endpoint: Endpoint, upload: Upload, digest: string): Promise<boolean> {
  const path = `/v2/${upload.repository}/blobs/${digest}`;
  try {
    const response = await endpoint.request(path, { ...upload, method: 'HEAD', expect: [200] });
    await response.body.dump();
    return true;
  } catch {
    upload.signal?.throwIfAborted();
    return false;
  }
}

/** Frees what the registry keeps for the session; it would time out there anyway. */
export async function cancel(endpoint: Endpoint, upload: Upload, session: URL): Promise<void> {
  try {
    const { signal: _, ...rest } = upload; // it is cancelled because of it, maybe
    const expect = [200, 202, 204, 404];
    const response = await endpoint.request(session, { ...rest, method: 'DELETE', isIdempotent: false, expect });
    await response.body.dump();
  } catch {}
}

export function sessionOf(endpoint: Endpoint, { headers, url }: ApiResponse): URL {
  const { location } = headers;
  if (typeof location !== 'string') {
    throw new EngineError('Unavailable', `${endpoint.registry} began an upload without saying where (no Location)`);
  }
  return endpoint.resolveLink(location, url);
}
