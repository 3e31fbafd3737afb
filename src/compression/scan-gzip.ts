import { crc32 } from 'node:zlib';
import type { ByteStream } from '../std/index.ts';
import { gzipHeaderLength, TRAILER } from './gzip-header.ts';
import { cutShort, damaged, Inflate } from './inflate.ts';
import { MEMBER_SHARE, type SpanCutter } from './span-cutter.ts';

/**
 * Content of a gzip stream of any number of members, decoded by our own inflate, cut into spans of at least `every` bytes, up to the next end
 * of a block, or of a quarter of that where a member begins. Errors as `gunzip` has them.
 */
export async function* scanGzip(source: ByteStream, spans: SpanCutter, every: number): AsyncGenerator<Buffer, void> {
  const input = source[Symbol.asyncIterator]();
  const inflate = new Inflate();
  const more = async (): Promise<boolean> => {
    const next = await input.next();
    if (next.done) inflate.feed(new Uint8Array(), { isLast: true });
    else inflate.feed(next.value);
    return !next.done;
  };
  try {
    for (let members = 0; await atMember(inflate, more, members); members++) {
      if (spans.length >= every / MEMBER_SHARE || members === 0) spans.begin(inflate.bitPosition);
      await skipHeader(inflate, more);
      inflate.begin();
      let crc = 0;
      let size = 0;
      for (let ended = false; !ended; ) {
        const pause = inflate.run();
        if (pause === 'input') await more();
        else ended = pause === 'end';
        const isCut = pause === 'block' && spans.length + inflate.pending >= every;
        if (inflate.pending > 0 && (pause === 'output' || ended || isCut)) {
          const bytes = inflate.take();
          crc = crc32(bytes, crc);
          size += bytes.length;
          spans.add(bytes);
          yield bytes;
        }
        if (isCut) spans.begin(inflate.bitPosition, inflate.window());
      }
      await checkTrailer(inflate, more, { crc, size });
    }
    spans.end(Math.ceil(inflate.bitPosition / 8));
  } finally {
    await input.return?.();
  }
}

type More = () => Promise<boolean>;

/** Whether another member begins here; zero bytes to the end are padding. */
async function atMember(inflate: Inflate, more: More, members: number): Promise<boolean> {
  for (;;) {
    const bytes = inflate.bytes();
    if (bytes.length > 0) {
      if (bytes[0] !== 0 || members === 0) return true;
      const end = bytes.findIndex((byte) => byte !== 0);
      if (end >= 0) throw damaged('it is followed by bytes that belong to nothing');
      inflate.skip(bytes.length);
    }
    if (!(await more())) {
      if (members === 0 && inflate.bytes().length === 0) throw cutShort();
      return false;
    }
  }
}

async function skipHeader(inflate: Inflate, more: More): Promise<void> {
  for (;;) {
    const length = gzipHeaderLength(inflate.bytes());
    if (length !== undefined) return inflate.skip(length);
    if (!(await more())) throw cutShort();
  }
}

async function checkTrailer(inflate: Inflate, more: More, { crc, size }: { crc: number; size: number }): Promise<void> {
  while (inflate.bytes().length < TRAILER) if (!(await more())) throw cutShort();
  const bytes = inflate.bytes();
  const trailer = Buffer.from(bytes.buffer, bytes.byteOffset, TRAILER);
  if (trailer.readUInt32LE(0) !== crc) throw damaged('its checksum is wrong');
  if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw damaged('its length is wrong');
  inflate.skip(TRAILER);
}
