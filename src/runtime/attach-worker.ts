import { readSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { closeFd, pollReadable } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';

/** To the worker: a socket to read, or one to leave. */
export type AttachRequest = { readonly add: number } | { readonly drop: number } | { readonly stop: true };

/** From the worker: what a socket said; without data it has ended. */
export interface AttachPacket {
  readonly fd: number;
  readonly data?: Uint8Array;
}

/** conmon sends packets of at most this size and a byte: CONN_SOCK_BUF_SIZE. */
const LARGEST_PACKET = 32 * 1024 + 1;

const { wake } = workerData as { wake: number };
const port = parentPort;
const sockets = new Set<number>();
const buffer = Buffer.alloc(LARGEST_PACKET);

for (let going = port !== null; going && port; ) {
  for (const fd of pollReadable([wake, ...sockets])) {
    if (fd !== wake) read(fd);
    else {
      readSync(wake, buffer, 0, 1, null);
      for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port))
        going = take(got.message as AttachRequest) && going;
    }
  }
}

function take(request: AttachRequest): boolean {
  if ('stop' in request) return false;
  if ('add' in request) sockets.add(request.add);
  else if (sockets.delete(request.drop)) closeFd(request.drop);
  return true;
}

function read(fd: number): void {
  let length = 0;
  try {
    length = readSync(fd, buffer, 0, buffer.length, null);
  } catch (error) {
    if (isErrno(error, 'EINTR', 'EAGAIN')) return;
  }
  if (length > 0) {
    port?.postMessage({ fd, data: Uint8Array.from(buffer.subarray(0, length)) } satisfies AttachPacket);
    return;
  }
  sockets.delete(fd);
  closeFd(fd);
  port?.postMessage({ fd } satisfies AttachPacket);
}
