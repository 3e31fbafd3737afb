import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, errorMessage } from '../std/index.ts';
import { type Certificate, ensureCertificate } from './certificate.ts';
import { type AccessRecord, registryHandler } from './handler.ts';
import { passwordFile } from './htpasswd.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { basicLogin } from './login.ts';
import { type Policy, usersOnly } from './policy.ts';
import { openRegistryStorage, type RegistryStorage, temporaryRegistryStorage } from './storage/open.ts';

const EXPIRE_EVERY = 3600_000;

export interface RegistryOptions {
  /** Where everything is kept; a temporary folder that ends with the registry where it is left out. */
  readonly folder?: string;
  /** Address to listen on; 127.0.0.1. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** PEM text, or `auto`: an own authority and certificate in `folder`/tls, for this machine's names and `names`. */
  readonly tls?: { readonly cert: string; readonly key: string } | 'auto';
  readonly names?: readonly string[];
  /** Allows HTTP without TLS on other than loopback addresses. */
  readonly plainHttp?: boolean;
  /** Users from an htpasswd file (bcrypt), which may change at any time. Without it everybody may do everything. */
  readonly auth?: { readonly htpasswd: string; readonly realm?: string; readonly anonymousPull?: boolean };
  /** Instead of "users may do everything". */
  readonly policy?: Policy;
  readonly delete?: boolean;
  readonly sparseIndexes?: boolean;
  readonly limits?: Partial<Limits>;
  readonly log?: (record: AccessRecord) => void;
}

/** A running registry. */
export interface RunningRegistry extends AsyncDisposable {
  /** `https://127.0.0.1:5000`: no slash at the end. */
  readonly url: string;
  /** `127.0.0.1:5000`, as it stands in references. */
  readonly host: string;
  readonly port: number;
  /** With `tls: 'auto'`. */
  readonly certificate?: Certificate;
  /** Takes no more requests, finishes those that run (for `limits.stopTime` at most), and closes the storage. */
  close(): Promise<void>;
}

/** Starts a registry and returns when it answers. Throws InvalidArgument for settings that would be unsafe, Conflict where the folder or port is taken. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const { host = '127.0.0.1', port = 0 } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  if (!options.tls && !options.plainHttp && !isLoopback(host)) {
    throw new EngineError(
      'InvalidArgument',
      `plain HTTP on ${host} would show passwords and images to the network; use tls (--tls auto), or plainHttp (--plain-http) where that is meant`,
    );
  }
  const storage =
    options.folder === undefined ? await temporaryRegistryStorage() : await openRegistryStorage(options.folder);
  try {
    const certificate = options.tls === 'auto' ? await ownCertificate(options, host) : undefined;
    const pair = certificate ?? (options.tls === 'auto' ? undefined : options.tls);
    const login = options.auth && basicLogin(passwordFile(options.auth.htpasswd), options.auth);
    const policy = options.policy ?? (options.auth && usersOnly(options.auth));
    const handler = registryHandler({
      storage,
      limits,
      delete: options.delete ?? true,
      sparseIndexes: options.sparseIndexes ?? false,
      ...(login && { login }),
      ...(policy && { policy }),
      ...(options.log && { log: options.log }),
    });
    const server = makeServer(pair, limits);
    server.on('request', handler).on('checkContinue', handler);
    await listen(server, host, port);
    const address = server.address() as AddressInfo;
    const name = hostOf(host, address.port);
    const stopExpiring = expireUploads(storage, limits);

    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= stop(server, limits.stopTime)
        .then(stopExpiring)
        .finally(() => storage[Symbol.asyncDispose]());
      return closing;
    };
    return {
      url: `${pair ? 'https' : 'http'}://${name}`,
      host: name,
      port: address.port,
      ...(certificate && { certificate }),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await storage[Symbol.asyncDispose]();
    throw error;
  }
}

async function ownCertificate({ folder, names = [] }: RegistryOptions, host: string): Promise<Certificate> {
  if (folder === undefined) {
    throw new EngineError('InvalidArgument', "tls 'auto' keeps its keys in the registry's folder: name one");
  }
  const wildcard = host === '0.0.0.0' || host === '::';
  return await ensureCertificate(join(resolve(folder), 'tls'), { names: wildcard ? names : [host, ...names] });
}

function makeServer(pair: { cert: string; key: string } | undefined, limits: Limits): Server {
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerTime,
    requestTimeout: 0, // an upload may take hours; one that stands still or crawls is ended by the others
    keepAliveTimeout: 75_000,
    connectionsCheckingInterval: 5000,
    noDelay: true,
  };
  const server = pair
    ? createHttpsServer({
        ...options,
        cert: pair.cert,
        key: pair.key,
        minVersion: 'TLSv1.2',
        handshakeTimeout: limits.headerTime,
      })
    : createHttpServer(options);
  server.maxConnections = limits.connections;
  server.setTimeout(limits.idleTime);
  server.on('clientError', refuseGarbage);
  return server;
}

/** What is not HTTP, or too much of it. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: import('node:stream').Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  (socket as Socket).destroySoon?.();
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        new EngineError(
          error.code === 'EADDRINUSE' ? 'Conflict' : 'Unavailable',
          `the registry can't listen on ${host}:${port}: ${errorMessage(error)}`,
          { cause: error },
        ),
      ),
    );
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', () => {}); // of one connection: it is gone already
      done();
    });
  });
}

/** Clients that keep a connection would hold the end up: idle ones are closed until none is left. */
async function stop(server: Server, patience: number): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  const deadline = performance.now() + patience;
  let open = true;
  void closed.then(() => {
    open = false;
  });
  while (open && performance.now() < deadline) {
    server.closeIdleConnections();
    await Promise.race([closed, sleep(20)]);
  }
  server.closeAllConnections();
  await closed;
}

/** Sweeps dead upload sessions now and every hour; returns what ends that. */
function expireUploads({ blobs }: RegistryStorage, { uploadLife }: Limits): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  const sweep = (): void => {
    running = blobs.expireUploads(Date.now() - uploadLife).catch(() => {}); // the next one tries again
  };
  sweep();
  const timer = setInterval(sweep, EXPIRE_EVERY);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** HOST:PORT as a client on this machine would write it. */
function hostOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}
