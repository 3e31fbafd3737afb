import type { FileHandle } from 'node:fs/promises';
import { EngineError } from '../std/index.ts';

const CHUNK = 1 << 20;

/** `length` bytes of an open file from `offset` on, one chunk read ahead, each chunk a buffer of its own. `what` names them in errors. */
export async function* readRange(
  file: FileHandle,
  { offset, length, what, signal }: { offset: number; length: number; what: string; signal?: AbortSignal | undefined },
): AsyncGenerator<Buffer, void> {
  const end = offset + length;
  const readAt = async (at: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(CHUNK, end - at)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    return buffer.subarray(0, bytesRead);
  };
  let next = readAt(offset);
  try {
    for (let at = offset; at < end; ) {
      signal?.throwIfAborted();
      const chunk = await next;
      if (chunk.length === 0) throw new EngineError('DataLoss', `${what} was cut short while it was read`);
      at += chunk.length;
      next = readAt(at);
      next.catch(() => {}); // awaited by the next turn, if there is one
      yield chunk;
    }
  } finally {
    await next.catch(() => {}); // no read may run on a file that its owner closes
  }
}
