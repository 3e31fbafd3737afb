import { isIP, type LookupFunction, connect as netConnect, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { TimeLimitError } from './network-error.ts';

/** Where to connect to. */
export interface Peer {
  readonly host: string;
  readonly port: number;
  /** Milliseconds until the connection stands, TLS included. */
  readonly timeout: number;
  readonly lookup?: LookupFunction;
}

export interface SecurePeer extends Peer {
  readonly context: SecureContext;
  readonly rejectUnauthorized: boolean;
  /** A connection to talk over; a new one where this is absent. */
  readonly through?: Socket;
}

export function connectPlainly({ timeout, ...peer }: Peer): Promise<Socket> {
  return established(netConnect({ ...peer, noDelay: true, keepAlive: true }), 'connect', timeout);
}

export function connectSecurely({ context, through, timeout, ...peer }: SecurePeer): Promise<Socket> {
  const tls = process.getBuiltinModule('node:tls'); // at the first use: it takes 15 ms to load
  const socket = tls.connect({
    ...peer,
    secureContext: context,
    servername: isIP(peer.host) ? '' : peer.host,
    ALPNProtocols: ['http/1.1'],
    ...(through && { socket: through }),
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return established(socket, 'secureConnect', timeout);
}

function established(socket: Socket, event: 'connect' | 'secureConnect', timeout: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => socket.destroy(new TimeLimitError('connection')), timeout);
    const fail = (error: Error): void => {
      clearTimeout(limit);
      reject(error);
    };
    const closed = (): void => fail(new Error('the connection was closed'));
    socket.once('error', fail);
    socket.once('close', closed);
    socket.once(event, () => {
      clearTimeout(limit);
      socket.off('error', fail);
      socket.off('close', closed);
      resolve(socket);
    });
  });
}
