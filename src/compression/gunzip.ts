import { createGunzip } from 'node:zlib';
import { EngineError, errorMessage } from '../std/index.ts';
import { PUMP_OPTIONS, ZlibPump } from './zlib-pump.ts';

/**
 * Content of a gzip stream of any number of members (RFC 1952, 2.2). Zero bytes behind the last, as tapes and some archivers
 * leave, are taken for padding; anything else there is refused, and so is a stream that is cut short: DataLoss.
 */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  using pump = new ZlibPump(createGunzip({ ...PUMP_OPTIONS }));
  let given = 0;
  let ended = false;
  try {
    for await (const chunk of source) {
      if (ended) {
        requireZeros(chunk);
        continue;
      }
      yield* pump.write(chunk);
      given += chunk.length;
      ended = pump.taken < given;
      if (ended) requireZeros(chunk.subarray(chunk.length - (given - pump.taken)));
    }
    if (!ended) yield* pump.end();
  } catch (error) {
    throw explain(error);
  }
}

function requireZeros(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) {
    throw new EngineError('DataLoss', 'gzip stream is followed by bytes that belong to nothing');
  }
}

function explain(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') return new EngineError('DataLoss', 'gzip stream is cut short', { cause: error });
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new EngineError('DataLoss', `gzip stream is damaged: ${errorMessage(error)}`, { cause: error });
  }
  return error;
}
