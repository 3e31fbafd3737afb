import { check, native } from '../linux/index.ts';

// linux/fuse.h: _IOW(229, 1, struct fuse_backing_map) and _IOW(229, 2, uint32_t).
const FUSE_DEV_IOC_BACKING_OPEN = 0x4010e501;
const FUSE_DEV_IOC_BACKING_CLOSE = 0x4004e502;

/** A file that the kernel reads and writes by itself for all who have a node open (FUSE_PASSTHROUGH, kernel 6.9). */
export interface Backing {
  readonly id: number;
  /** Of the kernel's open files, how many go through it. */
  opens: number;
  /** The file's bytes are elsewhere by now. */
  moved: boolean;
}

const argument = Buffer.alloc(16);

/** Lends the open file `fd` to the kernel: its number there, or undefined where it can't be lent (no right to, file systems stacked too high). */
export function openBacking(fuse: number, fd: number): number | undefined {
  argument.fill(0);
  argument.writeInt32LE(fd, 0);
  const id = native('int ioctl(int, unsigned long, const void *)')(fuse, FUSE_DEV_IOC_BACKING_OPEN, argument);
  return id > 0 ? id : undefined;
}

export function closeBacking(fuse: number, id: number): void {
  argument.writeUInt32LE(id, 0);
  check(native('int ioctl(int, unsigned long, const void *)')(fuse, FUSE_DEV_IOC_BACKING_CLOSE, argument), 'ioctl');
}
