import { EngineError } from '../std/index.ts';

/** A stretch of input that holds no more than one frame; `start` and `end` say whether that begins and ends in it. */
export interface FramePiece {
  readonly bytes: Uint8Array;
  readonly start: boolean;
  readonly end: boolean;
  /** Of a frame that holds nothing to be decompressed, and begins and ends here: a longer one is the decoder's to skip. */
  readonly skippable: boolean;
  /** Bytes that the frame says it decompresses to, once its header is read. */
  readonly contentSize: number | undefined;
}

/** RFC 8878, 3.1.1.1.2, recommends 8 MiB; the zstd program takes 128, and so do we. */
const MAX_WINDOW = 128 * 1024 * 1024;
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50; // the low four bits are free
const HEADER_ROOM = 18;

type State = 'magic' | 'descriptor' | 'header' | 'skipSize' | 'block' | 'body' | 'checksum' | 'skip';

/**
 * Finds where zstd frames end (RFC 8878, 3.1), by frame and block headers alone. Node's decoder takes one frame of what it is
 * given and drops the rest in silence, so each frame must reach it by itself.
 */
export class FrameScanner {
  #state: State = 'magic';
  /** Bytes of the field that is being read, and how many it has. */
  readonly #field = Buffer.alloc(HEADER_ROOM);
  #have = 0;
  #need = 4;
  /** Of a body that holds nothing for us. */
  #left = 0;
  #descriptor = 0;
  #lastBlock = false;
  #contentSize: number | undefined;
  #skippable = false;

  /** Whether the input may end here. */
  get betweenFrames(): boolean {
    return this.#state === 'magic' && this.#have === 0;
  }

  *scan(chunk: Uint8Array): Generator<FramePiece, void> {
    let from = 0;
    let start = this.betweenFrames;
    for (let at = 0; at < chunk.length; ) {
      at = this.#advance(chunk, at);
      if (this.betweenFrames) {
        const skippable = start && this.#skippable;
        yield { bytes: chunk.subarray(from, at), start, end: true, skippable, contentSize: this.#contentSize };
        from = at;
        start = true;
      }
    }
    if (from < chunk.length) {
      yield { bytes: chunk.subarray(from), start, end: false, skippable: false, contentSize: this.#contentSize };
    }
  }

  #advance(chunk: Uint8Array, at: number): number {
    if (this.#state === 'body' || this.#state === 'skip') {
      const taken = Math.min(this.#left, chunk.length - at);
      this.#left -= taken;
      if (this.#left === 0) this.#endBody();
      return at + taken;
    }
    const taken = Math.min(this.#need - this.#have, chunk.length - at);
    this.#field.set(chunk.subarray(at, at + taken), this.#have);
    this.#have += taken;
    if (this.#have === this.#need) this.#endField();
    return at + taken;
  }

  #expect(state: State, need: number): void {
    this.#state = state;
    this.#need = need;
    this.#have = 0;
  }

  #endField(): void {
    const field = this.#field;
    switch (this.#state) {
      case 'magic': {
        const magic = field.readUInt32LE(0);
        this.#contentSize = undefined;
        this.#skippable = magic !== MAGIC;
        if (magic === MAGIC) this.#expect('descriptor', 1);
        else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) this.#expect('skipSize', 4);
        else throw new EngineError('DataLoss', 'zstd stream is damaged: no frame begins where one should');
        return;
      }
      case 'descriptor': {
        this.#descriptor = field[0] as number;
        const need = headerLength(this.#descriptor);
        if (need > 0) this.#expect('header', need);
        else this.#expect('block', 3);
        return;
      }
      case 'header':
        this.#contentSize = readFrameHeader(this.#descriptor, field);
        this.#expect('block', 3);
        return;
      case 'skipSize':
        this.#left = field.readUInt32LE(0);
        if (this.#left > 0) this.#state = 'skip';
        else this.#expect('magic', 4);
        return;
      case 'block':
        this.#startBlock(field.readUIntLE(0, 3));
        return;
      default: // the checksum, which the decoder looks at
        this.#expect('magic', 4);
    }
  }

  #startBlock(header: number): void {
    const type = (header >> 1) & 3;
    if (type === 3) throw new EngineError('DataLoss', 'zstd stream is damaged: block of a reserved type');
    this.#lastBlock = (header & 1) === 1;
    this.#left = type === 1 ? 1 : header >> 3; // run-length blocks hold one byte
    if (this.#left > 0) this.#state = 'body';
    else this.#endBody();
  }

  #endBody(): void {
    if (this.#state === 'skip') this.#expect('magic', 4);
    else if (!this.#lastBlock) this.#expect('block', 3);
    else if (this.#descriptor & 0x04) this.#expect('checksum', 4);
    else this.#expect('magic', 4);
  }
}

/** Bytes behind the frame's descriptor: window, dictionary, content size. */
function headerLength(descriptor: number): number {
  return windowLength(descriptor) + dictionaryLength(descriptor) + contentSizeLength(descriptor);
}

function windowLength(descriptor: number): number {
  return descriptor & 0x20 ? 0 : 1; // a single segment has the content for its window
}

function dictionaryLength(descriptor: number): number {
  return [0, 1, 2, 4][descriptor & 3] as number;
}

function contentSizeLength(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? (descriptor & 0x20 ? 1 : 0) : 1 << flag;
}

/** Checks what may not be trusted; returns the content's size where the frame says it. */
function readFrameHeader(descriptor: number, field: Buffer): number | undefined {
  if (descriptor & 0x08) throw new EngineError('DataLoss', 'zstd stream is damaged: reserved bit set');
  const windowBytes = windowLength(descriptor);
  const dictionaryBytes = dictionaryLength(descriptor);
  if (dictionaryBytes > 0 && field.readUIntLE(windowBytes, dictionaryBytes) !== 0) {
    throw new EngineError('InvalidArgument', 'zstd stream needs a dictionary, which images have no place for');
  }
  const length = contentSizeLength(descriptor);
  const at = windowBytes + dictionaryBytes;
  const size =
    length === 0 ? undefined : length === 8 ? Number(field.readBigUInt64LE(at)) : field.readUIntLE(at, length);
  const contentSize = length === 2 && size !== undefined ? size + 256 : size;
  const window = windowBytes === 0 ? (contentSize ?? 0) : windowOf(field[0] as number);
  if (window > MAX_WINDOW) {
    throw new EngineError(
      'ResourceExhausted',
      `zstd stream needs a window of ${window} bytes, more than ${MAX_WINDOW}`,
    );
  }
  return contentSize;
}

function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}
