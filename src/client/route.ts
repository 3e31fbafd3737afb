import { Agent, type AgentOptions } from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { guardedLookup, hostnameOf, type Reach } from './address.ts';
import { fullContext, type HostCertificates, quickContext, readHostCertificates } from './certificates.ts';
import { connectPlainly, connectSecurely, type SecurePeer } from './connect.ts';
import type { TransportOptions } from './http.ts';
import { isUntrusted } from './network-error.ts';
import { proxyFor } from './proxy.ts';
import { authorizationOf, openTunnel } from './proxy-tunnel.ts';

/** How requests to one origin travel. */
export interface Route {
  readonly agent: Agent;
  /** A proxy that is asked for whole URLs. */
  readonly isForwarded: boolean;
  /** What each request needs on this way. */
  readonly headers: Readonly<Record<string, string>>;
  /** Closes all connections. */
  destroy(): void;
}

/** How long a connection is kept without work: less than most servers keep it, so that they don't close it under a request. */
const KEPT = 4_000; // milliseconds

export async function openRoute(url: URL, reach: Reach | undefined, options: TransportOptions): Promise<Route> {
  const proxy = proxyFor(url);
  const isForwarded = proxy !== undefined && url.protocol === 'http:';
  const open = await openerFor(url, proxy === undefined ? undefined : new URL(proxy), reach, options);
  const agent = new OpeningAgent(url.protocol, open);
  return {
    agent,
    isForwarded,
    headers: isForwarded ? authorizationOf(new URL(proxy)) : {},
    destroy: () => agent.destroy(),
  };
}

type Open = () => Promise<Socket>;

/** What makes a new connection to `url`'s origin, ready for requests. */
async function openerFor(
  url: URL,
  proxy: URL | undefined,
  reach: Reach | undefined,
  options: TransportOptions,
): Promise<Open> {
  const timeout = options.connectTimeout;
  const lookup = reach && (guardedLookup(reach) as LookupFunction);
  const peer = { host: hostnameOf(url.host), port: Number(url.port) || defaultPort(url), timeout };
  const near = proxy && (() => connectToProxy(proxy, timeout));
  if (url.protocol === 'http:') return near ?? (() => connectPlainly({ ...peer, ...(lookup && { lookup }) }));

  const insecure = options.isInsecure(url.host);
  const certificates: HostCertificates = insecure
    ? { authorities: [] }
    : await readHostCertificates(url.host, options.certificateFolders);
  let isFull = insecure || near !== undefined;
  let context = isFull && !insecure ? fullContext(url.host, certificates) : quickContext(url.host, certificates);
  const connect = async (): Promise<Socket> => {
    const secure: SecurePeer = { ...peer, context, rejectUnauthorized: !insecure };
    if (near) return connectSecurely({ ...secure, through: await openTunnel(await near(), peer, proxy) });
    return connectSecurely({ ...secure, ...(lookup && { lookup }) });
  };
  return async () => {
    try {
      return await connect();
    } catch (error) {
      if (!isUntrusted(error) || insecure) throw error;
      if (!isFull) context = fullContext(url.host, certificates);
      isFull = true;
      return await connect();
    }
  };
}

function connectToProxy(proxy: URL, timeout: number): Promise<Socket> {
  const peer = { host: hostnameOf(proxy.host), port: Number(proxy.port) || defaultPort(proxy), timeout };
  if (proxy.protocol !== 'https:') return connectPlainly(peer);
  return connectSecurely({
    ...peer,
    context: fullContext(proxy.host, { authorities: [] }),
    rejectUnauthorized: true,
  });
}

function defaultPort(url: URL): number {
  return url.protocol === 'https:' ? 443 : 80;
}

/** Node's pool of connections, over connections that are made as `open` does. */
class OpeningAgent extends Agent {
  readonly protocol: string;
  readonly defaultPort: number;
  readonly #open: Open;
  #destroyed = false;

  constructor(protocol: string, open: Open) {
    const options: AgentOptions = { keepAlive: true, timeout: KEPT };
    super(options);
    this.protocol = protocol;
    this.defaultPort = protocol === 'https:' ? 443 : 80;
    this.#open = open;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#open().then(
      (socket) => {
        if (this.#destroyed) socket.destroy();
        callback?.(null, socket);
      },
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }

  override destroy(): void {
    this.#destroyed = true;
    super.destroy();
  }
}
