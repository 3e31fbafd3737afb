import { EngineError, readAll } from '../std/index.ts';
import { hostnameOf, isLoopbackHost, type Reach, reachOfHost } from './address.ts';
import type { Authorizer } from './authorizer.ts';
import { parseChallenges } from './challenge.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { isNotTls, isRefused, showUrl } from './network-error.ts';
import { answersPlainly } from './plain-probe.ts';
import { responseError } from './registry-error.ts';
import { type RetryPolicy, sendPersistently } from './retry.ts';
import type { Transport } from './transport.ts';

/** One request of the distribution API. */
export interface ApiRequest extends HttpRequest {
  /** As `cannot WHAT` continues in an error: `pull manifest of debian:12`. */
  readonly what: string;
  readonly repository?: string | undefined;
  /** What the token must allow: `repository:library/debian:pull`. */
  readonly scopes: readonly string[];
  /** The statuses that are an answer; every other one is thrown as a RegistryError. Only explicit success is success. */
  readonly expect: readonly number[];
  /** Whether it may be sent twice; all but PATCH unless this says otherwise. */
  readonly isIdempotent?: boolean;
}

export interface ApiResponse extends HttpResponse {
  /** Where the answer came from in the end. */
  readonly url: URL;
}

/** One server that speaks the distribution API: a registry or a mirror of one. */
export interface Endpoint {
  /** As people name it, for messages. */
  readonly registry: string;
  readonly policy: RetryPolicy;
  /** `path` begins after the server's root: `/v2/…`; a URL is one that the server gave us. */
  request(path: string | URL, request: ApiRequest): Promise<ApiResponse>;
  /** Fetches what a third party holds: no credentials, no inner addresses. */
  fetchForeign(url: URL, request: ApiRequest): Promise<ApiResponse>;
  /** A link that an answer from `from` gave, made absolute. */
  resolveLink(link: string, from: URL): URL;
}

export interface EndpointOptions {
  readonly registry: string;
  /** Host and port to talk to. */
  readonly host: string;
  /** What stands before `/v2` in its paths. */
  readonly prefix?: string | undefined;
  readonly transport: Transport;
  readonly policy: RetryPolicy;
  isInsecure(host: string): boolean;
  /** Made with this endpoint's reach, on first need. */
  authorizer(reach: () => Promise<Reach>): Authorizer;
}

const MAX_REDIRECTS = 10;
const MAX_ERROR_BODY = 1 << 16;

export function createEndpoint(options: EndpointOptions): Endpoint {
  const { registry, host, transport, policy, prefix = '' } = options;
  let reachKnown: Promise<Reach> | undefined;
  const reach = (): Promise<Reach> => (reachKnown ??= reachOfHost(host));
  const authorizer = options.authorizer(reach);
  let baseKnown: Promise<URL> | undefined;
  const base = (): Promise<URL> => {
    baseKnown ??= findBase(options).catch((error: unknown) => {
      baseKnown = undefined;
      throw error;
    });
    return baseKnown;
  };

  const request = async (path: string | URL, asked: ApiRequest): Promise<ApiResponse> => {
    const own = await base();
    let url = typeof path === 'string' ? new URL(`${own.origin}${prefix}${path}`) : path;
    let answered = false;
    for (let redirects = 0; ; ) {
      const isOwn = url.origin === own.origin;
      if (!isOwn) checkScheme(url, own, registry);
      const authorization = isOwn ? await authorizer.header(asked.scopes) : undefined;
      const response = await send(url, isOwn ? undefined : await reach(), asked, authorization);
      if (response.status === 401 && isOwn && !answered) {
        answered = true;
        await response.body.dump();
        const challenges = parseChallenges(response.headers['www-authenticate']);
        await authorizer.answer(challenges, asked.scopes, authorization); // its result is what header() gives from now on
        continue;
      }
      const target = redirectOf(response, asked.method);
      if (!target) return await checked(response, url, asked);
      await response.body.dump();
      redirects += 1;
      if (redirects > MAX_REDIRECTS)
        throw new EngineError('Unavailable', `${registry} redirects without end at ${showUrl(url)}`);
      url = resolve(target, url, own, registry);
    }
  };

  const send = (
    url: URL,
    far: Reach | undefined,
    { method, headers, body, signal, answerTimeout, isIdempotent = method !== 'PATCH' }: ApiRequest,
    authorization: string | undefined,
  ): Promise<HttpResponse> =>
    sendPersistently(
      transport,
      url,
      {
        method,
        headers: { 'user-agent': USER_AGENT, ...headers, ...(authorization !== undefined && { authorization }) },
        ...(body && { body }),
        ...(answerTimeout !== undefined && { answerTimeout }),
        signal,
      },
      { policy, reach: far, isIdempotent },
    );

  const checked = async (response: HttpResponse, url: URL, asked: ApiRequest): Promise<ApiResponse> => {
    if (asked.expect.includes(response.status)) return { ...response, url };
    const body = await readAll(response.body, { limit: MAX_ERROR_BODY, what: 'error' }).catch(() => Buffer.alloc(0));
    const subject = {
      registry,
      what: asked.what,
      ...(asked.repository !== undefined && { repository: asked.repository }),
    };
    throw responseError(response.status, body.toString(), subject, authorizer.redact);
  };

  return {
    registry,
    policy,
    request,
    async fetchForeign(start, asked) {
      let url = start;
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
        checkScheme(url, start, registry);
        const response = await send(url, await reach(), asked, undefined);
        const target = redirectOf(response, asked.method);
        if (!target) return await checked(response, url, asked);
        await response.body.dump();
        url = resolve(target, url, start, registry);
      }
      throw new EngineError('Unavailable', `${showUrl(start)} redirects without end`);
    },
    resolveLink: (link, from) => resolve(link, from, from, registry),
  };
}

const USER_AGENT = 'overstrata';

/** https, except on this machine or where the user said so, and there only if the peer does not speak TLS. */
async function findBase({ host, transport, isInsecure, prefix = '' }: EndpointOptions): Promise<URL> {
  const secure = new URL(`https://${host}`);
  const insecure = isInsecure(host);
  if (!insecure && !isLoopbackHost(host)) return secure;
  if (isLoopbackHost(host) && secure.port !== '' && (await answersPlainly(hostnameOf(host), Number(secure.port))))
    return new URL(`http://${host}`);
  try {
    const response = await transport.send(new URL(`${secure.origin}${prefix}/v2/`), { method: 'GET' });
    await response.body.dump();
    return secure;
  } catch (error) {
    const hasPort = host !== hostnameOf(host) && host !== `[${hostnameOf(host)}]`;
    if (!insecure && !isNotTls(error) && !(isRefused(error) && !hasPort)) throw error;
    if (isRefused(error) && hasPort) throw error;
    return new URL(`http://${host}`);
  }
}

/** Where a redirect leads; nothing for other statuses, nor for those that would turn a request into another one. */
function redirectOf({ status, headers }: HttpResponse, method: string): string | undefined {
  const follows =
    status === 307 || status === 308 || ([301, 302, 303].includes(status) && (method === 'GET' || method === 'HEAD'));
  const { location } = headers;
  return follows && typeof location === 'string' ? location : undefined;
}

/**
 * A link made absolute. Registries behind a proxy that ends TLS often write themselves as `http://`: that is taken for the server's own origin,
 * so that nothing goes in plain text that came encrypted.
 */
function resolve(link: string, from: URL, own: URL, registry: string): URL {
  if (!URL.canParse(link, from.href)) throw new EngineError('Unavailable', `${registry} sent a link that is no URL`);
  const url = new URL(link, from);
  url.username = '';
  url.password = '';
  url.hash = '';
  const isDowngraded = url.protocol === 'http:' && own.protocol === 'https:' && url.hostname === own.hostname;
  return isDowngraded && (url.port === '' || url.port === own.port)
    ? new URL(url.pathname + url.search, own.origin)
    : url;
}

function checkScheme(url: URL, own: URL, registry: string): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (own.protocol === 'http:' || isLoopbackHost(url.host))))
    return;
  throw new EngineError('PermissionDenied', `${registry} points to ${showUrl(url)}, which is not https; refused`);
}
