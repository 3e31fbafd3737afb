import { EngineError } from '../std/index.ts';
import { InitFlag, InitFlag2, LARGEST_IO, MAJOR, NEWEST_MINOR, OLDEST_MINOR } from './protocol.ts';
import type { FuseReply } from './reply.ts';
import type { FuseRequest } from './request.ts';

/** What is asked for of what the kernel offers. */
const WANTED = Object.values(InitFlag).reduce((all, flag) => all | flag, 0);

const PAGE = 4096;
/** Requests that the kernel may have waiting in the background, and from how many on it slows down. */
const BACKGROUND = 64;
const CONGESTED = 48;
/** How high file systems may be stacked below a lent file: not at all, so that an overlay may still stand on this mount. */
const STACKED = 1;

/** What was settled. */
export interface Settled {
  readonly passthrough: boolean;
}

/** Answers INIT: protocol 7.31 to 7.41, everything that this server knows and the kernel too. Unavailable for a kernel that is too old. */
export function answerInit(request: FuseRequest, reply: FuseReply, { passthrough }: { passthrough: boolean }): Settled {
  const [major, minor, readahead, flags] = [request.u32(0), request.u32(4), request.u32(8), request.u32(12)];
  if (major === MAJOR && minor < OLDEST_MINOR)
    throw new EngineError(
      'Unavailable',
      `this kernel speaks FUSE ${major}.${minor}; ${MAJOR}.${OLDEST_MINOR} is needed`,
    );
  // A kernel with a newer major version asks again when it hears ours.
  const second = flags & InitFlag.initExt ? request.u32(16) : 0;
  const lends = passthrough && (second & InitFlag2.passthrough) !== 0;
  for (const value of [MAJOR, Math.min(minor, NEWEST_MINOR), readahead, flags & WANTED]) reply.u32(value);
  reply.u16(BACKGROUND);
  reply.u16(CONGESTED);
  reply.u32(LARGEST_IO);
  reply.u32(1); // times to the nanosecond
  reply.u16(LARGEST_IO / PAGE);
  reply.u16(0);
  reply.u32(second & (InitFlag2.directIOAllowMmap | (lends ? InitFlag2.passthrough : 0)));
  reply.u32(lends ? STACKED : 0);
  for (let unused = 0; unused < 6; unused++) reply.u32(0);
  return { passthrough: lends };
}
