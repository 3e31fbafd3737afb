import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { EngineError } from '../std/index.ts';
import { TimeLimitError } from './network-error.ts';

/** The header with which a proxy is told who asks: the user and password that stand in its URL (RFC 9110, 11.7.2). */
export function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Has the proxy at the other end of `near` connect it to `host` (RFC 9110, 9.3.6). Unavailable where it refuses. */
export function openTunnel(
  near: Socket,
  { host, port, timeout }: { readonly host: string; readonly port: number; readonly timeout: number },
  proxy: URL,
): Promise<Socket> {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const asked = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...authorizationOf(proxy) },
      createConnection: () => near,
    });
    const limit = setTimeout(() => asked.destroy(new TimeLimitError('connection')), timeout);
    const refused = ({ statusCode }: IncomingMessage): void => {
      clearTimeout(limit);
      near.destroy();
      reject(new EngineError('Unavailable', `the proxy ${proxy.host} answered ${statusCode} for ${target}`));
    };
    asked.once('connect', (answer, socket: Socket) => {
      if (answer.statusCode !== 200) return refused(answer);
      clearTimeout(limit);
      resolve(socket);
    });
    asked.once('response', refused);
    asked.once('error', (error) => {
      clearTimeout(limit);
      near.destroy();
      reject(error);
    });
    asked.end();
  });
}
