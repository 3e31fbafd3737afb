import type { IncomingHttpHeaders } from 'node:http';
import type { SecureContext } from 'node:tls';
import type { buildConnector as BuildConnector, Dispatcher } from 'undici';
import type { ByteStream } from '../std/index.ts';
import { checkLiteral, guardedLookup, hostnameOf, type Reach } from './address.ts';
import { fullContext, type HostCertificates, quickContext, readHostCertificates } from './certificates.ts';
import { isUntrusted, networkError } from './network-error.ts';
import { proxyFor } from './proxy.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for each try. Streams need a content-length among the headers. */
  readonly body?: () => Uint8Array | ByteStream;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer begins. */
  readonly answerTimeout?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** To be read to its end or dumped: only then is the connection free again. */
  readonly body: ByteStream & { dump(): Promise<void> };
}

export interface TransportOptions {
  readonly certificateFolders: readonly string[];
  /** Whether the certificate of `host` (with its port) is not looked at. */
  isInsecure(host: string): boolean;
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly answerTimeout: number;
  readonly idleTimeout: number;
}

/** One HTTP exchange at a time, over connections that are kept: TLS by host, proxies, time limits; no retries, redirects or credentials. */
export interface Transport extends AsyncDisposable {
  /**
   * Any status is a response; only trouble on the way is thrown. With `reach`, the reach of the registry that sent us there, addresses that it
   * may not point to are refused where the connection is made.
   */
  send(url: URL, request: HttpRequest, reach?: Reach): Promise<HttpResponse>;
}

const CHUNK = 128 * 1024;

export function openTransport(options: TransportOptions): Transport {
  const dispatchers = new Map<string, Promise<Dispatcher>>();
  const dispatcherOf = (url: URL, reach: Reach | undefined): Promise<Dispatcher> => {
    const key = `${url.origin} ${reach}`;
    const dispatcher = dispatchers.get(key) ?? openDispatcher(url, reach, options);
    dispatchers.set(key, dispatcher);
    dispatcher.catch(() => dispatchers.delete(key)); // certificates may be mended meanwhile
    return dispatcher;
  };
  return {
    async send(url, { method, headers, body, signal, answerTimeout }, reach) {
      signal?.throwIfAborted();
      if (reach) checkLiteral(url.host, reach);
      try {
        const dispatcher = await dispatcherOf(url, reach);
        const { default: request } = await import('undici/lib/api/api-request.js');
        const response = await request.call(dispatcher, {
          origin: url.origin,
          path: url.pathname + url.search,
          method,
          headers: { 'accept-encoding': 'identity', ...headers },
          body: (body?.() ?? null) as Uint8Array | null, // undici takes iterables too; its types don't say so
          signal: signal ?? null,
          headersTimeout: answerTimeout ?? options.answerTimeout,
          bodyTimeout: options.idleTimeout,
          highWaterMark: CHUNK,
        });
        return { status: response.statusCode, headers: response.headers, body: translated(response.body, url, signal) };
      } catch (error) {
        throw networkError(url, error, signal);
      }
    },
    async [Symbol.asyncDispose]() {
      const open = await Promise.allSettled(dispatchers.values());
      dispatchers.clear();
      await Promise.all(open.map((result) => result.status === 'fulfilled' && result.value.destroy()));
    },
  };
}

/** The body, whose errors say what they mean. */
function translated(
  body: Dispatcher.ResponseData['body'],
  url: URL,
  signal: AbortSignal | undefined,
): HttpResponse['body'] {
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield* body as AsyncIterable<Buffer>;
      } catch (error) {
        throw networkError(url, error, signal);
      }
    },
    async dump() {
      await body.dump().catch(() => {}); // what failed while it was thrown away was not wanted
    },
  };
}

async function openDispatcher(url: URL, reach: Reach | undefined, options: TransportOptions): Promise<Dispatcher> {
  const insecure = options.isInsecure(url.host);
  const certificates: HostCertificates =
    url.protocol === 'https:' && !insecure
      ? await readHostCertificates(url.host, options.certificateFolders)
      : { authorities: [] };
  const timeout = options.connectTimeout;
  const proxy = proxyFor(url);
  if (proxy) {
    const { ProxyAgent } = await import('undici'); // it needs what only the whole of undici sets up
    const requestTls =
      url.protocol === 'https:' ? { ...tlsOptions(url, insecure, fullContext(url.host, certificates)), timeout } : {};
    return new ProxyAgent({
      uri: proxy,
      requestTls,
      proxyTls: { secureContext: fullContext(new URL(proxy).host, { authorities: [] }), timeout },
      proxyTunnel: false,
    });
  }
  const { default: Pool } = await import('undici/lib/dispatcher/pool.js');
  const { default: buildConnector } = await import('undici/lib/core/connect.js');
  const shared = { timeout, ...(reach && { lookup: guardedLookup(reach) as never }) };
  if (url.protocol === 'http:') return new Pool(url.origin, { connect: shared });

  const connectorOf = (context: SecureContext): BuildConnector.connector =>
    buildConnector({ ...shared, ...tlsOptions(url, insecure, context) });
  let connector = connectorOf(quickContext(url.host, certificates));
  let isFull = insecure;
  return new Pool(url.origin, {
    connect(target, callback) {
      connector(target, (...result) => {
        const [error] = result;
        if (!error || !isUntrusted(error)) return callback(...result);
        if (!isFull) connector = connectorOf(fullContext(url.host, certificates));
        isFull = true;
        connector(target, callback);
      });
    },
  });
}

function tlsOptions(url: URL, insecure: boolean, secureContext: SecureContext): BuildConnector.BuildOptions {
  return { secureContext, rejectUnauthorized: !insecure, host: hostnameOf(url.host) };
}
