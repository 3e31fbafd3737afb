import { read } from 'node:fs';
import type { Writable } from 'node:stream';
import { EngineError } from '../../std/index.ts';
import type { ByteRange } from './blobs.ts';

const BUFFER = 256 * 1024;
const KEPT = 32;
/** Buffers of senders that ended: the next ones take them, so that sending allocates nothing. */
const idle: Buffer[] = [];

/**
 * Writes bytes `start` to `end` of an open file to `sink`: two buffers, one is read into while the other is being sent. Throws
 * DataLoss where the file is shorter, Unavailable where the sink closes first.
 */
export async function send(fd: number, { start, end }: ByteRange, sink: Writable): Promise<void> {
  const buffers = [takeBuffer(), takeBuffer()] as const;
  const pipe = writer(sink);
  let reading: Promise<number> | undefined;
  let writing: Promise<void> | undefined;
  let clean = false;
  try {
    let position = start;
    const readNext = (buffer: Buffer): Promise<number> | undefined =>
      position > end ? undefined : readSome(fd, buffer, Math.min(BUFFER, end + 1 - position), position);
    reading = readNext(buffers[0]);
    for (let turn = 0; reading; turn ^= 1) {
      const length: number = await reading;
      if (length === 0) throw new EngineError('DataLoss', `a blob ends at byte ${position}, expected ${end + 1}`);
      position += length;
      await writing; // the other buffer is free now
      reading = readNext(buffers[turn ^ 1] as Buffer);
      reading?.catch(() => {}); // awaited in the next turn, unless the sink closes first
      writing = pipe.write((buffers[turn] as Buffer).subarray(0, length));
      writing.catch(() => {});
    }
    await writing;
    clean = true;
  } finally {
    pipe.release();
    await reading?.catch(() => {}); // the descriptor is the caller's to close: nothing may still read from it
    if (clean && idle.length + 2 <= KEPT) idle.push(...buffers); // a broken sink may still hold its buffer
  }
}

function takeBuffer(): Buffer {
  return idle.pop() ?? Buffer.allocUnsafeSlow(BUFFER);
}

function readSome(fd: number, buffer: Buffer, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)));
  });
}

/** Writes that settle when their buffer may be reused; a sink that closes never calls back, so its closing is listened to once. */
function writer(sink: Writable): { write(chunk: Buffer): Promise<void>; release(): void } {
  let fail: ((error: Error) => void) | undefined;
  const onClose = (): void => fail?.(new EngineError('Unavailable', 'the reader went away'));
  sink.on('close', onClose);
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        fail = reject;
        if (sink.destroyed) return onClose();
        sink.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
    release() {
      sink.off('close', onClose);
    },
  };
}
