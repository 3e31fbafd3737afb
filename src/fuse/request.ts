import { decodeName } from '../std/index.ts';
import { IN_HEADER, LARGEST_IO, LONGEST_NAME } from './protocol.ts';
import { Refusal } from './refusal.ts';

const HIGH = 2 ** 32;
/** The largest request: a WRITE of the largest size with its headers. The kernel refuses smaller buffers with EINVAL. */
const LARGEST = LARGEST_IO + 4096;

/**
 * A request as it was read from /dev/fuse, decoded field by field where it lies: one buffer serves them all, so nothing of it may be kept
 * beyond its answer. Offsets are counted from the end of the header. Reading past its end is EINVAL.
 */
export class FuseRequest {
  readonly buffer: Buffer = Buffer.alloc(LARGEST);
  length = 0;
  opcode = 0;
  uid = 0;
  gid = 0;
  /** The node it is about; what stands above the low word is said by {@link nodeEpoch}. */
  node = 0;
  nodeEpoch = 0;

  /** Takes in what a read returned; false where that is no request. */
  begin(length: number): boolean {
    this.length = length;
    const { buffer } = this;
    if (length < IN_HEADER || buffer.readUInt32LE(0) !== length) return false;
    this.opcode = buffer.readUInt32LE(4);
    this.node = buffer.readUInt32LE(16);
    this.nodeEpoch = buffer.readUInt32LE(20);
    this.uid = buffer.readUInt32LE(24);
    this.gid = buffer.readUInt32LE(28);
    this.length = length - extensions(buffer, length);
    return true;
  }

  u32(offset: number): number {
    return this.buffer.readUInt32LE(this.#at(offset, 4));
  }

  /** A number of 64 bits; beyond 2⁵³ it is not exact, and no size or position is there. */
  u64(offset: number): number {
    const at = this.#at(offset, 8);
    return this.buffer.readUInt32LE(at) + this.buffer.readUInt32LE(at + 4) * HIGH;
  }

  i64(offset: number): bigint {
    return this.buffer.readBigInt64LE(this.#at(offset, 8));
  }

  /** `length` bytes, where they lie. */
  bytes(offset: number, length: number): Buffer {
    const at = this.#at(offset, length);
    return this.buffer.subarray(at, at + length);
  }

  /** A text that ends with NUL, and where the next begins. */
  text(offset: number): { text: string; next: number } {
    const at = this.#at(offset, 1);
    const end = this.buffer.indexOf(0, at);
    if (end < 0 || end >= this.length) throw new Refusal('EINVAL');
    return { text: textOf(this.buffer, at, end), next: end + 1 - IN_HEADER };
  }

  /** A text that must be one component of a path. */
  name(offset: number): string {
    return this.names(offset, 1)[0] as string;
  }

  /** `count` components, one after the other. */
  names(offset: number, count: number): string[] {
    const names: string[] = [];
    let at = offset;
    for (let i = 0; i < count; i++) {
      const { text, next } = this.text(at);
      if (next - at - 1 > LONGEST_NAME) throw new Refusal('ENAMETOOLONG');
      if (text === '' || text === '.' || text === '..' || text.includes('/')) throw new Refusal('EINVAL');
      names.push(text);
      at = next;
    }
    return names;
  }

  #at(offset: number, length: number): number {
    const at = IN_HEADER + offset;
    if (at + length > this.length) throw new Refusal('EINVAL');
    return at;
  }
}

/** Bytes at the end that say more about the caller: total_extlen, in units of 8 bytes. */
function extensions(buffer: Buffer, length: number): number {
  const bytes = buffer.readUInt16LE(36) * 8;
  return bytes <= length - IN_HEADER ? bytes : 0;
}

function textOf(buffer: Buffer, from: number, to: number): string {
  if (to - from < 64) {
    // Short plain names are nearly all there are, and this is faster than looking for what is no UTF-8.
    for (let at = from; at < to; at++) {
      if ((buffer[at] as number) >= 0x80) return decodeName(buffer.subarray(from, to));
    }
    return buffer.toString('latin1', from, to);
  }
  return decodeName(buffer.subarray(from, to));
}
