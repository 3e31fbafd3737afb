import { read } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { check, errnoError, lastErrno, native, pollReadable } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';

const { EAGAIN, EINTR, ENODEV, ENOENT } = constants.errno;
const F_SETFL = 4;
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;

/**
 * How often to look for a request before sleeping until one comes, at half a microsecond each. A program's next call mostly follows its last one's
 * answer at once, and going to sleep and being woken takes longer than that: walks and extractions are a third faster so. With one
 * processor nobody could ask meanwhile.
 */
const PATIENCE = availableParallelism() > 1 ? 60 : 0;

/** The reading end of /dev/fuse: a request a call. fuse(4). */
export class FuseDevice {
  readonly fuse: number;
  /** Of the descriptor: whether a read without a request waits for one. */
  #waits = true;

  constructor(fuse: number) {
    this.fuse = fuse;
  }

  /** Blocks until there is a request; its length, 0 where it was taken back meanwhile, -1 once nothing is mounted any more. */
  receive(into: Buffer): number {
    this.#setWaits(false);
    const readNow = native('int64_t read(int, void *, size_t)');
    for (let tries = 0; ; tries++) {
      const length = Number(readNow(this.fuse, into, into.length));
      if (length >= 0) return length;
      const errno = lastErrno();
      if (errno !== EAGAIN) return lengthOf(errno);
      if (tries >= PATIENCE) pollReadable([this.fuse]);
    }
  }

  /** {@link receive} while others may work too. */
  receiveLater(into: Buffer): Promise<number> {
    this.#setWaits(true);
    return new Promise((resolve, reject) => {
      read(this.fuse, into, 0, into.length, null, (error, length) => {
        if (!error) resolve(length);
        else if (isErrno(error, 'ENODEV')) resolve(-1);
        else if (isErrno(error, 'ENOENT', 'EINTR', 'EAGAIN')) resolve(0);
        else reject(error);
      });
    });
  }

  #setWaits(waits: boolean): void {
    if (this.#waits === waits) return;
    check(native('int fcntl(int, int, int)')(this.fuse, F_SETFL, waits ? O_RDWR : O_RDWR | O_NONBLOCK), 'fcntl');
    this.#waits = waits;
  }
}

function lengthOf(errno: number): number {
  if (errno === ENODEV) return -1;
  if (errno === ENOENT || errno === EINTR) return 0;
  throw errnoError(errno, 'read', '/dev/fuse');
}
