import { closeSync, constants, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import { check, errnoError, lastErrno, native } from './libc.ts';

// linux/loop.h
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;
const LO_FLAGS_DIRECT_IO = 16;
/** `struct loop_config`: descriptor, block size, `struct loop_info64` with its flags, reserved. */
const CONFIG = { size: 304, flags: 8 + 52 };

/** A loop device that is free again once nobody has it open or mounted: dispose it after mounting. */
export interface LoopDevice extends Disposable {
  readonly path: string;
}

/** Attaches a file to a free loop device of blocks of 512 bytes, read-only. `direct` keeps the file itself out of the page cache, where that can be. */
export function attachLoop(file: string, { direct = false }: { direct?: boolean } = {}): LoopDevice {
  const backing = openSync(file, 'r');
  try {
    for (let attempt = 0; ; attempt++) {
      const path = `/dev/loop${freeLoop()}`;
      const device = openSync(path, constants.O_RDONLY);
      const config = Buffer.alloc(CONFIG.size);
      config.writeUInt32LE(backing, 0);
      config.writeUInt32LE(512, 4);
      const flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | (direct ? LO_FLAGS_DIRECT_IO : 0);
      config.writeUInt32LE(flags, CONFIG.flags);
      if (native('int ioctl(int, unsigned long, const void *)')(device, LOOP_CONFIGURE, config) === 0) {
        return { path, [Symbol.dispose]: () => closeSync(device) };
      }
      const error = lastErrno();
      closeSync(device);
      if (error !== os.errno.EBUSY || attempt >= 64) throw errnoError(error, 'loop', file); // else another took it first
    }
  } finally {
    closeSync(backing);
  }
}

function freeLoop(): number {
  const control = openSync('/dev/loop-control', 'r+');
  try {
    return check(native('int ioctl(int, unsigned long, long)')(control, LOOP_CTL_GET_FREE, 0), 'loop-control');
  } finally {
    closeSync(control);
  }
}
