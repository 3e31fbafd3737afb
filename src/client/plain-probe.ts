import { connect } from 'node:net';

/**
 * A record of TLS that a server must object to: a ClientHello (RFC 8446, 4 and 5.1) of no more than two line ends, so that it is a whole request
 * to who speaks HTTP. The one answers with an alert, the other with `HTTP/1.1 400 Bad Request`.
 */
const BAD_GREETING = Buffer.from('\x16\x03\x01\x00\x08\x01\x00\x00\x04\r\n\r\n', 'latin1');
const PATIENCE = 500; // milliseconds; an answer from this machine takes one

/**
 * Whether the server at a port of this machine answers a TLS greeting in plain HTTP. Only a clear answer is a yes. It spares the plain ones among
 * local registries what loading TLS with its authorities takes: 45 ms and 15 MB.
 */
export function answersPlainly(hostname: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port });
    const end = (plain: boolean): void => {
      socket.destroy();
      resolve(plain);
    };
    socket.setTimeout(PATIENCE, () => end(false));
    socket.on('connect', () => socket.write(BAD_GREETING));
    socket.on('data', (bytes) => end(bytes.subarray(0, 5).toString('latin1') === 'HTTP/'));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}
