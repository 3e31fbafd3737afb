import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { type Digest, isDigest } from '../oci/index.ts';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import type { Toc, TocEntry } from './toc.ts';
import { formatEntry, parseEntry } from './toc-line.ts';

/** Of the lines' form; a reader refuses others. */
const VERSION = 1;
/** Lines are compressed in portions of about this many characters. */
const PORTION = 1 << 18;
/** JSON of paths shrinks tenfold at zstd's fastest, for less time than writing it plainly takes. */
const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

interface Header {
  readonly toc: number;
  readonly diffID: Digest;
  readonly size: number;
  readonly entries: number;
}

/**
 * Keeps a table of contents: a line of JSON with version, diffID and counts, then a line an entry, all as one zstd frame. Written aside and
 * renamed, not synced: it can be made again from its blob.
 */
export async function writeTocFile(path: string, toc: Toc): Promise<void> {
  const aside = `${path}.tmp-${randomHex(6)}`;
  try {
    await pipeline(portions(toc), createZstdCompress(FASTEST), createWriteStream(aside, { mode: 0o600, flags: 'wx' }));
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** The table at `path`; undefined where there is none. DataLoss for one that is damaged, NotImplemented for another version's. */
export async function readTocFile(path: string): Promise<Toc | undefined> {
  const input = createReadStream(path, { highWaterMark: PORTION });
  const text = createZstdDecompress();
  const entries: TocEntry[] = [];
  let header: Header | undefined;
  try {
    await pipeline(input, text, async (chunks: AsyncIterable<Buffer>) => {
      for await (const line of linesOf(chunks)) {
        if (header) entries.push(parseEntry(line));
        else header = parseHeader(line, path);
      }
    });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (error instanceof SyntaxError || isZstdError(error)) throw damaged(path, error);
    throw error;
  }
  if (!header || header.entries !== entries.length) throw damaged(path);
  return { diffID: header.diffID, size: header.size, entries };
}

/** Only what the table says of the layer as a whole; undefined where there is none. Cheap: reads no further than its first line. */
export async function readTocHeader(path: string): Promise<Pick<Toc, 'diffID' | 'size'> | undefined> {
  const input = createReadStream(path, { highWaterMark: 4096 });
  try {
    const text = input.pipe(createZstdDecompress());
    input.on('error', (error) => text.destroy(error));
    for await (const line of linesOf(text)) {
      const { diffID, size } = parseHeader(line, path);
      return { diffID, size };
    }
    return undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  } finally {
    input.destroy();
  }
}

function parseHeader(line: string, path: string): Header {
  const header = JSON.parse(line) as Header;
  if (header.toc !== VERSION) {
    throw new EngineError(
      'NotImplemented',
      `${path} has form ${header.toc}, this program reads ${VERSION}; remove it to have it made again`,
    );
  }
  if (!isDigest(header.diffID)) throw damaged(path);
  return header;
}

/** Lines of UTF-8 text that comes in chunks; what follows the last line feed is a line cut off, and is not given. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
}

function isZstdError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:ZSTD_|Z_|ERR_ZSTD)/.test(String(error.code));
}

function damaged(path: string, cause?: unknown): EngineError {
  return new EngineError('DataLoss', `${path} is damaged; remove it to have it made again from its layer`, { cause });
}

function* portions({ diffID, size, entries }: Toc): Generator<string, void> {
  const header: Header = { toc: VERSION, diffID, size, entries: entries.length };
  let portion = `${JSON.stringify(header)}\n`;
  for (const entry of entries) {
    portion += `${formatEntry(entry)}\n`;
    if (portion.length < PORTION) continue;
    yield portion;
    portion = '';
  }
  yield portion;
}
