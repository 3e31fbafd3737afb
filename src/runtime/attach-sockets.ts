import { closeSync, write, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { connectSeqpacket, makePipe, shutdownSocket } from '../linux/index.ts';
import { entryFile } from '../std/index.ts';
import type { AttachPacket, AttachRequest } from './attach-worker.ts';

/** First byte of what a monitor sends: 2 is stdout, 3 is stderr. */
export const PACKET_STDERR = 3;
/** conmon reads at most so much of a packet. */
const LARGEST_INPUT = 8192;

/** One open conversation with conmon. */
export interface AttachSocket {
  /** Resolves once conmon has closed it. */
  readonly ended: Promise<void>;
  send(data: Uint8Array): Promise<void>;
  /** No more input will come. */
  endInput(): void;
  close(): void;
}

interface Loop {
  readonly worker: Worker;
  readonly wake: { readonly read: number; readonly write: number };
  readonly listeners: Map<number, (packet: AttachPacket) => void>;
}

/** One thread reads all sockets of this process: reads that wait in libuv's pool would stop everything else that uses it. */
let loop: Loop | undefined;

/** Connects to conmon's attach socket. */
export function openAttachSocket(path: string, onData: (kind: number, data: Uint8Array) => void): AttachSocket {
  const fd = connectSeqpacket(path);
  const running = startLoop();
  let open = true;
  const ended = new Promise<void>((resolve) => {
    running.listeners.set(fd, ({ data }) => {
      if (data) return onData(data[0] as number, data.subarray(1));
      open = false;
      forget(running, fd);
      resolve();
    });
  });
  post(running, { add: fd });
  return {
    ended,
    async send(data) {
      for (let at = 0; at < data.length && open; at += LARGEST_INPUT)
        await writePacket(fd, data.subarray(at, at + LARGEST_INPUT));
    },
    endInput() {
      if (open) shutdownSocket(fd);
    },
    close() {
      if (open) shutdownSocket(fd, { both: true }); // the worker reads the end of it and closes
    },
  };
}

function startLoop(): Loop {
  if (loop) return loop;
  const wake = makePipe();
  const worker = new Worker(entryFile(import.meta.url, 'attach-worker'), { workerData: { wake: wake.read } });
  const started: Loop = { worker, wake, listeners: new Map() };
  worker.on('message', (packet: AttachPacket) => started.listeners.get(packet.fd)?.(packet));
  worker.on('exit', () => {
    closeSync(wake.read);
    closeSync(wake.write);
  });
  loop = started;
  return started;
}

/** The last one out ends the thread. */
function forget(running: Loop, fd: number): void {
  running.listeners.delete(fd);
  if (running.listeners.size > 0) return;
  if (loop === running) loop = undefined;
  post(running, { stop: true });
}

function post({ worker, wake }: Loop, request: AttachRequest): void {
  worker.postMessage(request);
  writeSync(wake.write, '.');
}

function writePacket(fd: number, data: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    write(fd, data, () => resolve()); // what comes too late is lost, as in any terminal
  });
}
