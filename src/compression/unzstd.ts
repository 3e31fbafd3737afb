import { constants, createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { EngineError, errorMessage } from '../std/index.ts';
import { PUMP_OPTIONS, ZlibPump } from './zlib-pump.ts';
import { type FramePiece, FrameScanner } from './zstd-frames.ts';

const WINDOW_LOG = 27; // 128 MiB
/** A round through libuv's pool costs more than frames up to here: zstd:chunked makes one for every file. */
const SMALL = { bytes: 64 * 1024, content: 256 * 1024 };
const params = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG };

/** Content of a zstd stream of any number of frames, skippable ones left out. DataLoss where it is damaged or cut short. */
export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  using pump = new ZlibPump(createZstdDecompress({ ...PUMP_OPTIONS, params }));
  const scanner = new FrameScanner();
  try {
    for await (const chunk of source) {
      for (const piece of scanner.scan(chunk)) {
        if (isSmall(piece)) yield inflateSmall(piece);
        else if (!piece.skippable) yield* pump.write(piece.bytes); // where the last piece ended a frame, it begins a new one
      }
    }
  } catch (error) {
    throw explain(error);
  }
  if (!scanner.betweenFrames) throw new EngineError('DataLoss', 'zstd stream is cut short');
}

interface SmallFrame extends FramePiece {
  readonly contentSize: number;
}

function isSmall(piece: FramePiece): piece is SmallFrame {
  const { bytes, start, end, skippable, contentSize = Number.POSITIVE_INFINITY } = piece;
  return start && end && !skippable && bytes.length <= SMALL.bytes && contentSize <= SMALL.content;
}

function inflateSmall({ bytes, contentSize }: SmallFrame): Buffer {
  return zstdDecompressSync(bytes, {
    params,
    chunkSize: Math.max(64, contentSize),
    maxOutputLength: Math.max(1, contentSize),
  });
}

function explain(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return new EngineError('DataLoss', 'zstd stream is damaged: frame holds more than it says', { cause: error });
  }
  if (typeof code === 'string' && code.startsWith('ZSTD_')) {
    return new EngineError('DataLoss', `zstd stream is damaged: ${errorMessage(error)}`, { cause: error });
  }
  return error;
}
