import { type Descriptor, isDigest } from '../oci/index.ts';
import { type ByteStream, EngineError, hasCode } from '../std/index.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { isRefused } from './network-error.ts';
import { RegistryError } from './registry-error.ts';
import { backOff, isPassing } from './retry.ts';
import { pullScope, pushScope } from './scope.ts';

/** The blob's content from an offset on; called again to resume or to begin anew. */
export type OpenContent = (offset: number) => Promise<ByteStream>;

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears how many of the blob's bytes are sent. */
  readonly report?: ((bytes: number) => void) | undefined;
}

/** Up to this size a blob goes in one request with its end; a cut costs little. */
const SMALL = 1 << 20;
const PROGRESS = 1 << 20;
/** Registries over object stores copy or hash the whole blob before they answer. */
const COMMIT_TIMEOUT = 15 * 60_000;

/** Links the blob from another repository of the registry; whether that worked. Not being allowed to is no error. */
export async function mountBlob(
  endpoint: Endpoint,
  repository: string,
  { digest }: Descriptor,
  from: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const scopes = [pushScope(repository), pullScope(from)];
  const common = { what: `mount blob ${digest}`, repository, scopes, signal };
  let response: ApiResponse;
  try {
    response = await endpoint.request(path, { ...common, ...EMPTY, method: 'POST', expect: [201, 202] });
  } catch (error) {
    if (error instanceof RegistryError && error.status >= 400 && error.status < 500) return false;
    throw error;
  }
  await response.body.dump();
  if (response.status === 201) return true;
  // It began an upload instead, which nobody is going to finish.
  await cancel(endpoint, sessionOf(endpoint, response), common);
  return false;
}

/**
 * Sends a blob that the registry has not: streamed, and after a cut from where the registry says it is. Counts only when the registry has
 * confirmed the digest. Errors of `open`'s stream pass as they are.
 */
export async function sendBlob(
  endpoint: Endpoint,
  repository: string,
  descriptor: Descriptor,
  open: OpenContent,
  { signal, report }: UploadOptions = {},
): Promise<void> {
  const { digest, size } = descriptor;
  const common: Common = { what: `push blob ${digest}`, repository, scopes: [pushScope(repository)], signal };
  const content = watchContent(open, descriptor, report);
  let position: Position | undefined;
  let mark = 0;
  for (let failures = 0; ; ) {
    try {
      position ??= { session: await begin(endpoint, repository, digest, common), offset: 0 };
      const { session, offset }: Position = position;
      const whole = size <= SMALL;
      const next =
        whole || offset === size ? session : await sendRest(endpoint, session, offset, size, content, common);
      await commit(endpoint, next, digest, whole ? { content, size } : undefined, common);
      return;
    } catch (error) {
      if (signal?.aborted) {
        if (position) await cancel(endpoint, position.session, common);
        throw signal.reason;
      }
      failures += 1;
      if (content.failure() || failures >= endpoint.policy.attempts || !isWorthAnother(error)) {
        if (position) await cancel(endpoint, position.session, common);
        throw content.failure() ?? error;
      }
      await backOff(endpoint.policy, failures, signal);
      if (!position) continue;
      if (await hasBlob(endpoint, digest, common)) return; // the answer was lost, not the blob
      const resumed = hasCode(error, 'DataLoss') ? undefined : await whereIs(endpoint, position.session, size, common);
      if (!resumed) await cancel(endpoint, position.session, common);
      position = resumed;
      if (resumed && resumed.offset - mark >= PROGRESS) failures = 0;
      mark = Math.max(mark, resumed?.offset ?? 0);
    }
  }
}

interface Position {
  readonly session: URL;
  readonly offset: number;
}

type Common = Pick<ApiRequest, 'what' | 'scopes' | 'signal'> & { readonly repository: string };

const EMPTY = { headers: { 'content-length': '0' } } as const;

async function begin(endpoint: Endpoint, repository: string, digest: string, common: Common): Promise<URL> {
  const algorithm = digest.startsWith('sha512:') ? '?digest-algorithm=sha512' : '';
  const path = `/v2/${repository}/blobs/uploads/${algorithm}`;
  const response = await endpoint.request(path, { ...common, ...EMPTY, method: 'POST', expect: [202] });
  await response.body.dump();
  return sessionOf(endpoint, response);
}

/** PATCH with all that is left; resolves to where the session goes on. */
async function sendRest(
  endpoint: Endpoint,
  session: URL,
  offset: number,
  size: number,
  content: WatchedContent,
  common: Common,
): Promise<URL> {
  const response = await endpoint.request(session, {
    ...common,
    method: 'PATCH',
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(size - offset),
      ...(offset > 0 && { 'content-range': `${offset}-${size - 1}` }),
    },
    body: () => content.from(offset),
    answerTimeout: COMMIT_TIMEOUT,
    expect: [201, 202, 204],
  });
  await response.body.dump();
  return response.headers.location === undefined ? session : sessionOf(endpoint, response);
}

/** PUT that ends the session; with the whole content where nothing of it was sent yet. */
async function commit(
  endpoint: Endpoint,
  session: URL,
  digest: string,
  whole: { content: WatchedContent; size: number } | undefined,
  common: Common,
): Promise<void> {
  const url = new URL(session);
  // By hand: URLSearchParams would spell the session's own state anew.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  const response = await endpoint.request(url, {
    ...common,
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
async function whereIs(endpoint: Endpoint, session: URL, size: number, common: Common): Promise<Position | undefined> {
  let response: ApiResponse;
  try {
    response = await endpoint.request(session, { ...common, method: 'GET', expect: [200, 202, 204] });
  } catch {
    common.signal?.throwIfAborted();
    return undefined;
  }
  await response.body.dump();
  // distribution-spec: Range: 0-<last>. "0-0" is said of one byte and of none alike.
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(String(response.headers.range ?? ''))?.[1] ?? 0);
  if (last === 0 || last >= size) return undefined;
  const next = response.headers.location === undefined ? session : sessionOf(endpoint, response);
  return { session: next, offset: last + 1 };
}

async function hasBlob(endpoint: Endpoint, digest: string, common: Common): Promise<boolean> {
  const path = `/v2/${common.repository}/blobs/${digest}`;
  try {
    const response = await endpoint.request(path, { ...common, method: 'HEAD', expect: [200] });
    await response.body.dump();
    return true;
  } catch {
    common.signal?.throwIfAborted();
    return false;
  }
}

/** Frees what the registry keeps for the session; it would time out there anyway. */
async function cancel(endpoint: Endpoint, session: URL, common: Common): Promise<void> {
  try {
    const { signal: _, ...rest } = common; // it is cancelled because of it, maybe
    const expect = [200, 202, 204, 404];
    const response = await endpoint.request(session, { ...rest, method: 'DELETE', isIdempotent: false, expect });
    await response.body.dump();
  } catch {}
}

function sessionOf(endpoint: Endpoint, { headers, url }: ApiResponse): URL {
  const { location } = headers;
  if (typeof location !== 'string') {
    throw new EngineError('Unavailable', `${endpoint.registry} began an upload without saying where (no Location)`);
  }
  return endpoint.resolveLink(location, url);
}

/** Cuts, overload, a session that was lost, and content that arrived damaged. */
function isWorthAnother(error: unknown): boolean {
  if (error instanceof RegistryError) {
    const { status, codes } = error;
    return (
      status >= 500 ||
      [404, 408, 416, 429].includes(status) ||
      codes.includes('DIGEST_INVALID') ||
      codes.includes('SIZE_INVALID')
    );
  }
  return isPassing(error) || isRefused(error);
}

interface WatchedContent {
  from(offset: number): ByteStream;
  /** What the content's own stream threw: sending again would not help. */
  failure(): unknown;
}

function watchContent(
  open: OpenContent,
  { digest, size }: Descriptor,
  report?: (bytes: number) => void,
): WatchedContent {
  let failure: unknown;
  return {
    failure: () => failure,
    async *from(offset) {
      let at = offset;
      const stream = await open(offset).catch((error: unknown) => {
        failure = error;
        throw error;
      });
      const chunks = stream[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await chunks.next().catch((error: unknown) => {
            failure = error;
            throw error;
          });
          if (next.done) break;
          at += next.value.length;
          if (at > size) break;
          yield next.value;
          report?.(at);
        }
      } finally {
        await chunks.return?.();
      }
      if (at === size) return;
      failure = new EngineError('DataLoss', `blob ${digest} has ${at > size ? 'more' : 'less'} than its ${size} bytes`);
      throw failure;
    },
  };
}
