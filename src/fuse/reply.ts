import { writeSync } from 'node:fs';
import { encodeName } from '../std/index.ts';
import type { FuseAttributes, FuseType } from './file-system.ts';
import { ATTR, DIRENT, ENTRY_OUT, LARGEST_IO, OUT_HEADER } from './protocol.ts';
import type { FuseRequest } from './request.ts';

const HIGH = 2 ** 32;
const BILLION = 1_000_000_000n;
const BLOCK_SIZE = 4096;

/** How long (seconds) the kernel may keep what it was told: all changes go through it, so as long as it likes. */
const FOREVER = 365 * 24 * 3600;

/** `d_type` of readdir(3): the type's bits of a mode, shifted. */
const DIRECTORY_TYPE: Readonly<Record<FuseType, number>> = {
  fifo: 1,
  character: 2,
  directory: 4,
  block: 6,
  file: 8,
  symlink: 10,
  socket: 12,
};

/** How a node is told to the kernel. */
export interface Told {
  readonly id: number;
  readonly epoch: number;
  /** Its attributes must be asked for each time. */
  readonly restless: boolean;
}

/** The answer that is being written: one buffer for all of them. */
export class FuseReply {
  readonly buffer: Buffer = Buffer.alloc(OUT_HEADER + LARGEST_IO + 4096);
  /** Where the next field goes. */
  #end = OUT_HEADER;
  /** How much the asker has room for. */
  #limit = this.buffer.length;

  get length(): number {
    return this.#end;
  }

  begin(request: FuseRequest): void {
    request.buffer.copy(this.buffer, 8, 8, 16); // unique
    this.buffer.writeInt32LE(0, 4);
    this.#end = OUT_HEADER;
    this.#limit = this.buffer.length;
  }

  /** Bounds the answer, for requests that say how much they have room for. */
  limit(bytes: number): void {
    this.#limit = Math.min(this.buffer.length, OUT_HEADER + bytes);
  }

  /** Drops what was written for an errno. */
  fail(errno: number): void {
    this.buffer.writeInt32LE(-errno, 4);
    this.#end = OUT_HEADER;
  }

  /** Sends it. ENOENT says that nobody waits for it any more. */
  send(fd: number): void {
    this.buffer.writeUInt32LE(this.#end, 0);
    writeSync(fd, this.buffer, 0, this.#end);
  }

  /** An answer to the same request that is given later. */
  apart(): LaterReply {
    return new LaterReply(this.buffer.subarray(8, OUT_HEADER));
  }

  u32(value: number): void {
    this.buffer.writeUInt32LE(value >>> 0, this.#end);
    this.#end += 4;
  }

  u16(value: number): void {
    this.buffer.writeUInt16LE(value, this.#end);
    this.#end += 2;
  }

  u64(value: number): void {
    this.buffer.writeUInt32LE((value % HIGH) >>> 0, this.#end);
    this.buffer.writeUInt32LE(Math.floor(value / HIGH) >>> 0, this.#end + 4);
    this.#end += 8;
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** A text without an end mark. */
  text(text: string): void {
    this.bytes(encodeName(text));
  }

  /** Room for `length` bytes that the caller fills in itself; {@link filled} says how many they became. */
  room(length: number): Buffer {
    return this.buffer.subarray(this.#end, Math.min(this.#end + length, this.#limit));
  }

  filled(length: number): void {
    this.#end += length;
  }

  /** struct fuse_attr_out. */
  attributes(attributes: FuseAttributes, told: Told): void {
    this.u64(told.restless ? 0 : FOREVER);
    this.u64(0);
    this.#attr(attributes);
  }

  /** struct fuse_entry_out. */
  entry(attributes: FuseAttributes, told: Told): void {
    this.u32(told.id);
    this.u32(told.epoch);
    this.u64(0); // generation: numbers are never used twice
    this.u64(FOREVER);
    this.u64(told.restless ? 0 : FOREVER);
    this.u64(0);
    this.#attr(attributes);
  }

  /** An entry for "there is nothing", which the kernel keeps too. */
  noEntry(): void {
    this.buffer.fill(0, this.#end, this.#end + ENTRY_OUT);
    this.buffer.writeUInt32LE(FOREVER, this.#end + 16);
    this.#end += ENTRY_OUT;
  }

  /** Whether an entry of a directory, of a name that long, still fits. */
  hasRoom(nameLength: number, { plus }: { plus: boolean }): boolean {
    return this.#end + (plus ? ENTRY_OUT : 0) + padded(DIRENT + nameLength) <= this.#limit;
  }

  /** struct fuse_dirent; in a READDIRPLUS an entry stands before it. */
  directoryEntry(name: Uint8Array | string, entry: { ino: number; type: FuseType; next: number }): void {
    const start = this.#end;
    const end = start + padded(DIRENT + name.length);
    this.buffer.writeUInt32LE(0, end - 8); // what pads it
    this.buffer.writeUInt32LE(0, end - 4);
    const length = typeof name === 'string' ? this.buffer.write(name, start + DIRENT, 'latin1') : name.length;
    if (typeof name !== 'string') this.buffer.set(name, start + DIRENT);
    this.u64(entry.ino);
    this.u64(entry.next);
    this.u32(length);
    this.u32(DIRECTORY_TYPE[entry.type]);
    this.#end = end;
  }

  /** struct fuse_open_out. */
  open(handle: number, flags: number, backing = 0): void {
    this.u64(handle);
    this.u32(flags);
    this.u32(backing);
  }

  #attr({ ino, size, blocks, atime, mtime, ctime, mode, nlink, uid, gid, rdev }: FuseAttributes): void {
    const { buffer } = this;
    const start = this.#end;
    this.u64(ino);
    this.u64(size);
    this.u64(blocks);
    this.#time(atime, start + 24, start + 48);
    this.#time(mtime, start + 32, start + 52);
    this.#time(ctime, start + 40, start + 56);
    buffer.writeUInt32LE(mode, start + 60);
    buffer.writeUInt32LE(nlink, start + 64);
    buffer.writeUInt32LE(uid, start + 68);
    buffer.writeUInt32LE(gid, start + 72);
    buffer.writeUInt32LE(rdev ? encodeDevice(rdev) : 0, start + 76);
    buffer.writeUInt32LE(BLOCK_SIZE, start + 80);
    buffer.writeUInt32LE(0, start + 84);
    this.#end = start + ATTR;
  }

  #time(time: bigint, secondsAt: number, restAt: number): void {
    let seconds = Number(time / BILLION);
    let rest = Number(time % BILLION);
    if (rest < 0) {
      rest += 1e9;
      seconds--;
    }
    this.buffer.writeUInt32LE(seconds >>> 0, secondsAt);
    this.buffer.writeInt32LE(Math.floor(seconds / HIGH), secondsAt + 4);
    this.buffer.writeUInt32LE(rest, restAt);
  }
}

/** An answer that comes when others were given meanwhile. */
class LaterReply {
  #message: Buffer;

  constructor(unique: Uint8Array) {
    this.#message = Buffer.alloc(OUT_HEADER);
    this.#message.set(unique, 8);
  }

  whole(bytes: Buffer): void {
    this.#message = Buffer.concat([this.#message, bytes]);
  }

  fail(errno: number): void {
    this.#message.writeInt32LE(-errno, 4);
  }

  send(fd: number): void {
    this.#message.writeUInt32LE(this.#message.length, 0);
    writeSync(fd, this.#message);
  }
}

/** Bytes of a name as {@link FuseReply.directoryEntry} wants it: plain ones as they are. */
export function nameBytes(name: string): Uint8Array | string {
  for (let at = 0; at < name.length; at++) if (name.charCodeAt(at) >= 0x80) return encodeName(name);
  return name;
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

/** 32 bits as the kernel's new_encode_dev makes them. */
function encodeDevice({ major, minor }: { major: number; minor: number }): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** The other way. */
export function decodeDevice(device: number): { major: number; minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}
