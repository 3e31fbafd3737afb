import {
  COMPAT_CHECKSUM,
  COMPAT_MTIME,
  DEVICE_SLOT,
  INCOMPAT_CHUNKED_FILE,
  INCOMPAT_DEVICE_TABLE,
  MAGIC,
  roundUp,
  SUPER_OFFSET,
  SUPER_SIZE,
} from './format.ts';
import { splitTime } from './inode.ts';
import type { Form } from './layout.ts';

/** What the superblock says of an image. */
export interface SuperBlock {
  readonly rootNid: number;
  readonly inodes: number;
  readonly form: Form;
  /** Of the image itself. */
  readonly blocks: number;
  /** First of the shared extended attributes. */
  readonly xattrBlock: number;
  readonly uuid: Uint8Array;
  /** Sizes of the extra devices, in bytes. */
  readonly devices: readonly number[];
}

/** Where metadata may begin: behind the superblock and the device table. */
export function headSize(devices: number, block: number): number {
  return roundUp(SUPER_OFFSET + SUPER_SIZE + devices * DEVICE_SLOT, block);
}

/** Everything before the first inode. */
export function encodeHead(told: SuperBlock): Buffer {
  const { devices } = told;
  const { block, epoch } = told.form;
  const head = Buffer.alloc(headSize(devices.length, block));
  const own = head.subarray(SUPER_OFFSET);
  const time = splitTime(epoch);
  own.writeUInt32LE(MAGIC, 0);
  own.writeUInt32LE(COMPAT_CHECKSUM | COMPAT_MTIME, 8);
  own[12] = Math.log2(block);
  own.writeUInt16LE(told.rootNid, 14);
  own.writeBigUInt64LE(BigInt(told.inodes), 16);
  own.writeBigInt64LE(time.seconds, 24);
  own.writeUInt32LE(time.nanoseconds, 32);
  own.writeUInt32LE(told.blocks, 36);
  own.writeUInt32LE(told.xattrBlock, 44);
  own.set(told.uuid, 48);
  own.writeUInt32LE(INCOMPAT_CHUNKED_FILE | (devices.length > 0 ? INCOMPAT_DEVICE_TABLE : 0), 80);
  own.writeUInt16LE(devices.length, 86);
  own.writeUInt16LE((SUPER_OFFSET + SUPER_SIZE) / DEVICE_SLOT, 88);
  for (const [at, size] of devices.entries()) {
    own.writeUInt32LE(Math.ceil(size / block), SUPER_SIZE + at * DEVICE_SLOT + 64); // behind a tag that nobody needs
  }
  own.writeUInt32LE(crc32c(own.subarray(0, block > SUPER_OFFSET ? block - SUPER_OFFSET : block)), 4); // the checksum counts as zero in itself
  return head;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C as the kernel's library has it, without the last inversion: it covers the superblock's own block as far as it follows byte 1024. */
function crc32c(bytes: Uint8Array): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return value >>> 0;
}
