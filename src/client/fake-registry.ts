import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Digest, digestOf, MediaType } from '../oci/index.ts';

/** A registry in memory, for tests: does what the specification says unless `intercept` does something else first. */
export interface FakeRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly origin: string;
  readonly blobs: Map<string, Buffer>;
  /** By `repository/tag-or-digest`. */
  readonly manifests: Map<string, { bytes: Buffer; mediaType: string }>;
  /** Bytes of each upload session. */
  readonly uploads: Map<string, Buffer>;
  /** `METHOD /path?query` of everything that was asked, in order. */
  readonly log: string[];
  readonly requests: { method: string; url: string; authorization: string | undefined }[];
  addBlob(content: Buffer | string): Digest;
  addManifest(name: string, value: object | string, mediaType?: string): Digest;
  /** Whether it has answered itself; the request's body is not read yet. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

export async function startFakeRegistry(tls?: ServerOptions): Promise<FakeRegistry> {
  const state = {
    blobs: new Map<string, Buffer>(),
    manifests: new Map<string, { bytes: Buffer; mediaType: string }>(),
    uploads: new Map<string, Buffer>(),
    log: [] as string[],
    requests: [] as FakeRegistry['requests'],
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    state.log.push(`${method} ${url}`);
    state.requests.push({ method, url, authorization: request.headers.authorization });
    request.on('error', () => {});
    if (await registry.intercept?.(request, response)) return;
    await serve(state, request, response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy());
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry: FakeRegistry = {
    ...state,
    host,
    origin: `${tls ? 'https' : 'http'}://${host}`,
    addBlob(content) {
      const bytes = Buffer.from(content);
      state.blobs.set(digestOf(bytes), bytes);
      return digestOf(bytes);
    },
    addManifest(name, value, mediaType = MediaType.ociManifest) {
      const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
      const repository = name.slice(0, name.lastIndexOf('/'));
      state.manifests.set(name, { bytes, mediaType });
      state.manifests.set(`${repository}/${digestOf(bytes)}`, { bytes, mediaType });
      return digestOf(bytes);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

type State = Pick<FakeRegistry, 'blobs' | 'manifests' | 'uploads'>;

export function reply(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): true {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers });
  response.end(body);
  return true;
}

export function replyError(response: ServerResponse, status: number, code: string, message = ''): true {
  return reply(
    response,
    status,
    { 'content-type': 'application/json' },
    JSON.stringify({ errors: [{ code, message }] }),
  );
}

async function serve(state: State, request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const url = new URL(request.url ?? '', 'http://x');
  const path = url.pathname;
  if (path === '/v2/') return reply(response, 200, {}, '{}');
  const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path);
  if (manifest) return serveManifest(state, request, response, `${manifest[1]}/${manifest[2]}`);
  const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(path);
  if (upload) return serveUpload(state, request, response, url, upload[1] as string, upload[2] as string);
  const blob = /^\/v2\/(.+)\/blobs\/([^/]+)$/.exec(path);
  if (blob) return serveBlob(state, request, response, blob[2] as string);
  return replyError(response, 404, 'NAME_UNKNOWN');
}

async function serveManifest(
  { manifests }: State,
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
): Promise<unknown> {
  if (request.method === 'PUT') {
    const bytes = await bodyOf(request);
    const mediaType = String(request.headers['content-type']);
    manifests.set(name, { bytes, mediaType });
    manifests.set(`${name.slice(0, name.lastIndexOf('/'))}/${digestOf(bytes)}`, { bytes, mediaType });
    return reply(response, 201, { 'docker-content-digest': digestOf(bytes) });
  }
  const found = manifests.get(name);
  if (!found) return replyError(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  if (request.method === 'DELETE') {
    manifests.delete(name);
    return reply(response, 202);
  }
  const headers = { 'content-type': found.mediaType, 'docker-content-digest': digestOf(found.bytes) };
  if (request.method === 'HEAD') {
    response.writeHead(200, { ...headers, 'content-length': String(found.bytes.length) });
    return response.end();
  }
  return reply(response, 200, headers, found.bytes);
}

function serveBlob({ blobs }: State, request: IncomingMessage, response: ServerResponse, digest: string): unknown {
  const bytes = blobs.get(digest);
  if (!bytes) return replyError(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const headers = { 'docker-content-digest': digest };
  if (request.method === 'HEAD') {
    response.writeHead(200, { ...headers, 'content-length': String(bytes.length) });
    return response.end();
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (!range) return reply(response, 200, headers, bytes);
  const from = Number(range[1]);
  const until = range[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
  const contentRange = `bytes ${from}-${until - 1}/${bytes.length}`;
  return reply(response, 206, { ...headers, 'content-range': contentRange }, bytes.subarray(from, until));
}

async function serveUpload(
  { blobs, uploads }: State,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  repository: string,
  id: string,
): Promise<unknown> {
  const location = (session: string): string => `/v2/${repository}/blobs/uploads/${session}?state=a%2Fb`;
  if (request.method === 'POST') {
    const mount = url.searchParams.get('mount');
    if (mount && url.searchParams.get('from') !== 'secret' && blobs.has(mount)) return reply(response, 201);
    const session = `s${uploads.size}-${Date.now()}`;
    uploads.set(session, Buffer.alloc(0));
    return reply(response, 202, { location: location(session) });
  }
  const held = uploads.get(id);
  if (!held) return replyError(response, 404, 'BLOB_UPLOAD_UNKNOWN');
  if (request.method === 'DELETE') {
    uploads.delete(id);
    return reply(response, 204);
  }
  if (request.method === 'GET') {
    return reply(response, 204, { location: location(id), range: `0-${Math.max(0, held.length - 1)}` });
  }
  let content = held;
  try {
    for await (const chunk of request) {
      content = Buffer.concat([content, chunk as Buffer]);
      uploads.set(id, content);
    }
  } catch {
    return undefined; // the client went away; what it sent is kept
  }
  if (request.method === 'PATCH')
    return reply(response, 202, { location: location(id), range: `0-${content.length - 1}` });
  const digest = url.searchParams.get('digest') ?? '';
  if (digestOf(content) !== digest) return replyError(response, 400, 'DIGEST_INVALID', 'provided digest did not match');
  uploads.delete(id);
  blobs.set(digest, content);
  return reply(response, 201, { 'docker-content-digest': digest });
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}
