import { constants, createZstdDecompress } from 'node:zlib';
import { type ByteStream, EngineError, errorMessage } from '../std/index.ts';
import { MEMBER_SHARE, type SpanCutter } from './span-cutter.ts';
import { PUMP_OPTIONS, ZlibPump } from './zlib-pump.ts';
import { FrameScanner } from './zstd-frames.ts';

const params = { [constants.ZSTD_d_windowLogMax]: 27 };

/** Content of a zstd stream of any number of frames, cut into spans where frames begin. A stream of one frame is one span. */
export async function* scanZstd(source: ByteStream, spans: SpanCutter, every: number): AsyncGenerator<Buffer, void> {
  using pump = new ZlibPump(createZstdDecompress({ ...PUMP_OPTIONS, params }));
  const scanner = new FrameScanner();
  let position = 0;
  spans.begin(0);
  try {
    for await (const chunk of source) {
      for (const { bytes, start, end, skippable } of scanner.scan(chunk)) {
        if (start && spans.length >= every / MEMBER_SHARE) spans.begin(position * 8);
        position += bytes.length;
        if (skippable && end) continue;
        for await (const content of pump.write(bytes)) {
          spans.add(content);
          yield content;
        }
      }
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('ZSTD_')) throw error;
    throw new EngineError('DataLoss', `zstd stream is damaged: ${errorMessage(error)}`, { cause: error });
  }
  if (!scanner.betweenFrames) throw new EngineError('DataLoss', 'zstd stream is cut short');
  spans.end(position);
}
