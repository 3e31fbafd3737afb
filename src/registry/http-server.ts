import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, errorMessage } from '../std/index.ts';
import type { Limits } from './limits.ts';

/** A server with the limits set, that does not listen yet. */
export function makeServer(pair: { cert: string; key: string } | undefined, limits: Limits): Server {
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
function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
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

/** Throws Conflict where the port is taken, Unavailable for other reasons. */
export async function listen(server: Server, host: string, port: number): Promise<void> {
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
export async function stop(server: Server, patience: number): Promise<void> {
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
