import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AccessRecord, type Trace, watchRequest } from './access-log.ts';
import { serveBlob } from './blobs.ts';
import { ContentCache } from './content-cache.ts';
import { ProtocolError, protocolErrorOf } from './errors.ts';
import { Exchange, type Registry } from './exchange.ts';
import type { Faults } from './faults.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { serveCatalog, serveReferrers, serveTags } from './listings.ts';
import { type Login, noLogin, unauthorized } from './login.ts';
import { serveManifest } from './manifests.ts';
import type { Metrics } from './metrics.ts';
import { everybody, type Policy, usersOnly } from './policy.ts';
import { sendProblem } from './problem.ts';
import { isRepository, type Route, routeOf } from './router.ts';
import { type CompiledRules, compileRules } from './rules.ts';
import type { RegistryStorage } from './storage/open.ts';
import { TOKEN_PATH } from './token-login.ts';
import { serveToken, type TokenServer } from './token-server.ts';
import { serveUpload, serveUploads } from './uploads.ts';

const CACHE_BYTES = 32 << 20;

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
  /** Gives tokens at `/token`. */
  readonly tokenServer?: TokenServer;
  /** Counts, and shows what was counted at `/metrics`: to this machine, or to everybody. */
  readonly metrics?: { readonly of: Metrics; readonly to: 'loopback' | 'everybody' };
  /** Whether requests should come here: what `/ready` answers. */
  readonly isReady?: () => boolean;
  readonly faults?: Faults;
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
    login,
    allowDelete: options.delete ?? true,
    sparseIndexes: options.sparseIndexes ?? false,
    rules: options.rules ?? compileRules(),
    uploading: 0,
  };
  const work: Work = { registry, options, needsLogin: options.login !== undefined };

  return (request, response) => {
    const trace = watchRequest(request, response, { log: options.log, metrics: options.metrics?.of });
    request.on('error', () => {}); // a client that goes away is no event; whoever reads the body hears of it
    response.on('error', () => {});
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    response.setHeader('x-request-id', trace.id);
    answer(work, { request, response, trace }).catch((error: unknown) => {
      const problem = protocolErrorOf(error);
      if (problem.status >= 500) trace.error = error;
      sendProblem(request, response, problem);
    });
  };
}

interface Work {
  readonly registry: Registry;
  readonly options: RegistryHandlerOptions;
  readonly needsLogin: boolean;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly trace: Trace;
}

async function answer({ registry, options, needsLogin }: Work, asked: Asked): Promise<void> {
  const { request, response, trace } = asked;
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  const search = question === -1 ? '' : url.slice(question + 1);
  if (options.faults) await options.faults.meet(request, response);

  const route = routeOf(path);
  if (!route) {
    if (await serveAside(options, asked, { path, search })) return;
    throw new ProtocolError('UNSUPPORTED', 'nothing is here; the API is below /v2/', { status: 404 });
  }
  trace.route = route.kind;
  const caller = await registry.login.caller(request);
  trace.user = caller.user;
  if ('repository' in route && !isRepository(route.repository)) {
    throw new ProtocolError(
      'NAME_INVALID',
      `invalid repository name ${JSON.stringify(route.repository.slice(0, 300))}`,
    );
  }
  const exchange = new Exchange(registry, { request, response, caller, search });
  // Even where anonymous callers may pull, this is where clients learn how to log in.
  if (route.kind === 'ping' && needsLogin && caller.user === undefined) {
    throw unauthorized('authentication is required', registry.login.challenge(request));
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

/** What is no part of the specification: tokens, and what looks after the process. False for nothing of ours. */
async function serveAside(
  { tokenServer, metrics, isReady, storage }: RegistryHandlerOptions,
  { request, response, trace }: Asked,
  { path, search }: { path: string; search: string },
): Promise<boolean> {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const send = (status: number, type: string, text: string): boolean => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
    return true;
  };
  switch (path) {
    case TOKEN_PATH:
      if (!tokenServer) return false;
      trace.route = 'token';
      trace.user = await serveToken(tokenServer, { request, response, search });
      return true;
    case '/health':
      trace.route = 'health';
      return isRead && send(200, 'text/plain', 'ok\n');
    case '/ready': {
      trace.route = 'health';
      const works = (isReady?.() ?? true) && (await canRead(storage));
      return isRead && send(works ? 200 : 503, 'text/plain', works ? 'ok\n' : 'not now\n');
    }
    case '/metrics':
      if (!metrics || !isRead || (metrics.to === 'loopback' && !isLoopbackAddress(request.socket.remoteAddress)))
        return false;
      trace.route = 'metrics';
      return send(200, 'text/plain; version=0.0.4; charset=utf-8', metrics.of.text());
    default:
      return false;
  }
}

async function canRead({ names }: RegistryStorage): Promise<boolean> {
  return await names.listRepositories({ limit: 1 }).then(
    () => true,
    () => false,
  );
}

function isLoopbackAddress(address = ''): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
