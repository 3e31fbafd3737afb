import type { IncomingMessage, ServerResponse } from 'node:http';
import { serveBlob } from './blobs.ts';
import { ContentCache } from './content-cache.ts';
import { ProtocolError, protocolErrorOf } from './errors.ts';
import { Exchange, type Registry } from './exchange.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { serveCatalog, serveReferrers, serveTags } from './listings.ts';
import { type Login, noLogin } from './login.ts';
import { serveManifest } from './manifests.ts';
import { type Caller, everybody, type Policy, refuse, usersOnly } from './policy.ts';
import { isRepository, type Route, routeOf } from './router.ts';
import { type CompiledRules, compileRules } from './rules.ts';
import type { RegistryStorage } from './storage/open.ts';
import { serveUpload, serveUploads } from './uploads.ts';

const CACHE_BYTES = 32 << 20;
const LINGER_BYTES = 16 << 20;
const LINGER_TIME = 5000;

/** What was asked and how it ended: one record a request, for the face to write. */
export interface AccessRecord {
  /** Milliseconds since 1970, at the start. */
  readonly time: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** False where the connection broke before the answer was out. */
  readonly complete: boolean;
  readonly address: string | undefined;
  readonly user: string | undefined;
  readonly agent: string | undefined;
  /** What went wrong inside, never shown to the client. */
  readonly error?: unknown;
}

export interface RegistryHandlerOptions {
  readonly storage: RegistryStorage;
  /** Without it nobody needs to log in. */
  readonly login?: Login;
  /** By default: with a login, users may do all and others nothing; without one, everybody all. */
  readonly policy?: Policy;
  /** Whether manifests, tags and blobs may be deleted; true. */
  readonly delete?: boolean;
  /** Whether an index is taken whose children are absent; false. */
  readonly sparseIndexes?: boolean;
  /** Quotas and immutable tags; none. */
  readonly rules?: CompiledRules;
  readonly limits?: Partial<Limits>;
  readonly log?: (record: AccessRecord) => void;
}

/** Answers requests of distribution-spec 1.1. For node:http and node:https servers, also as their `checkContinue` listener. */
export function registryHandler(
  options: RegistryHandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const login = options.login ?? noLogin;
  const registry: Registry = {
    storage: options.storage,
    cache: new ContentCache(CACHE_BYTES),
    policy: options.policy ?? (options.login ? usersOnly() : everybody),
    limits: { ...defaultLimits, ...options.limits },
    challenge: login.challenge,
    allowDelete: options.delete ?? true,
    sparseIndexes: options.sparseIndexes ?? false,
    rules: options.rules ?? compileRules(),
    uploading: 0,
  };
  const needsLogin = options.login !== undefined;

  return (request, response) => {
    const trace: Trace = { caller: {} };
    if (options.log) logWhenDone(request, response, trace, options.log);
    request.on('error', () => {}); // a client that goes away is no event; whoever reads the body hears of it
    response.on('error', () => {});
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    answer(registry, { login, needsLogin, request, response, trace }).catch((error: unknown) => {
      const problem = protocolErrorOf(error);
      if (problem.status >= 500) trace.error = error;
      sendProblem(request, response, problem);
    });
  };
}

interface Trace {
  caller: Caller;
  error?: unknown;
}

async function answer(
  registry: Registry,
  {
    login,
    needsLogin,
    request,
    response,
    trace,
  }: {
    login: Login;
    needsLogin: boolean;
    request: IncomingMessage;
    response: ServerResponse;
    trace: Trace;
  },
): Promise<void> {
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const route = routeOf(question === -1 ? url : url.slice(0, question));
  if (!route) throw new ProtocolError('UNSUPPORTED', 'nothing is here; the API is below /v2/', { status: 404 });
  const caller = await login.caller(request);
  trace.caller = caller;
  if ('repository' in route && !isRepository(route.repository)) {
    throw new ProtocolError(
      'NAME_INVALID',
      `invalid repository name ${JSON.stringify(route.repository.slice(0, 300))}`,
    );
  }
  const search = question === -1 ? '' : url.slice(question + 1);
  const exchange = new Exchange(registry, { request, response, caller, search });
  // Even where anonymous callers may pull, this is where clients learn how to log in.
  if (route.kind === 'ping' && needsLogin && caller.user === undefined) {
    refuse(caller, 'list', undefined, registry.challenge);
  }
  await serve(exchange, route);
}

async function serve(exchange: Exchange, route: Route): Promise<void> {
  switch (route.kind) {
    case 'ping':
      if (exchange.method !== 'GET' && exchange.method !== 'HEAD') exchange.refuseMethod('GET');
      return exchange.sendJson(200, {});
    case 'catalog':
      return await serveCatalog(exchange);
    case 'blob':
      return await serveBlob(exchange, route.repository, route.digest);
    case 'manifest':
      return await serveManifest(exchange, route.repository, route.reference);
    case 'uploads':
      return await serveUploads(exchange, route.repository);
    case 'upload':
      return await serveUpload(exchange, route.repository, route.id);
    case 'tags':
      return await serveTags(exchange, route.repository);
    case 'referrers':
      return await serveReferrers(exchange, route.repository, route.digest);
  }
}

/** distribution-spec, "Error Codes". */
function sendProblem(request: IncomingMessage, response: ServerResponse, error: ProtocolError): void {
  if (response.headersSent) {
    response.destroy(); // the status is out: only a broken connection still says that something is wrong
    return;
  }
  const { protocolCode: code, message, detail } = error;
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] }));
  for (const name of response.getHeaderNames()) {
    if (name !== 'docker-distribution-api-version') response.removeHeader(name);
  }
  const waitsForContinue = request.headers.expect !== undefined && !request.readableDidRead;
  response.writeHead(error.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...error.headers,
    ...(waitsForContinue && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (!request.complete) linger(request);
}

/** A client reads the refusal only after it has sent its body: take some of that and drop it, then cut. */
function linger(request: IncomingMessage): void {
  let dropped = 0;
  const cut = (): void => {
    request.socket.destroy();
  };
  const timer = setTimeout(cut, LINGER_TIME);
  timer.unref();
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) cut();
  });
  request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  request.resume();
}

function logWhenDone(
  request: IncomingMessage,
  response: ServerResponse,
  trace: Trace,
  log: (record: AccessRecord) => void,
): void {
  const time = Date.now();
  const start = performance.now();
  const { method = '', url = '' } = request;
  const address = request.socket.remoteAddress;
  response.once('close', () =>
    log({
      time,
      duration: performance.now() - start,
      method,
      path: url,
      status: response.statusCode,
      complete: response.writableFinished,
      address,
      user: trace.caller.user,
      agent: request.headers['user-agent'],
      ...(trace.error !== undefined && { error: trace.error }),
    }),
  );
}
