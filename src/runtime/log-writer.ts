import { closeSync, openSync, writeSync } from 'node:fs';
import { isErrno } from '../std/index.ts';

export type OutputStream = 'stdout' | 'stderr';

const NEWLINE = 10;
/** Longest part of a line: what has no end by then is written as partial, as conmon does. */
const LONGEST = 8192;

/** Writes the log format that Kubernetes reads and conmon writes: `TIME STREAM F|P TEXT`, a line each. */
export class LogWriter implements Disposable {
  readonly #file: number;
  readonly #pending: Record<OutputStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };

  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600);
  }

  write(stream: OutputStream, chunk: Buffer): void {
    const data = this.#pending[stream].length > 0 ? Buffer.concat([this.#pending[stream], chunk]) : chunk;
    const prefix = `${timestamp()} ${stream} `;
    const parts: Buffer[] = [];
    let start = 0;
    while (start < data.length) {
      const end = data.indexOf(NEWLINE, start);
      if (end >= 0 && end - start < LONGEST) {
        parts.push(Buffer.from(`${prefix}F `), data.subarray(start, end + 1));
        start = end + 1;
      } else if (data.length - start >= LONGEST) {
        parts.push(Buffer.from(`${prefix}P `), data.subarray(start, start + LONGEST), Buffer.of(NEWLINE));
        start += LONGEST;
      } else break;
    }
    this.#pending[stream] = Buffer.from(data.subarray(start));
    this.#append(Buffer.concat(parts));
  }

  /** Writes what has no end yet. */
  [Symbol.dispose](): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#pending[stream];
      if (rest.length > 0)
        this.#append(Buffer.concat([Buffer.from(`${timestamp()} ${stream} P `), rest, Buffer.of(NEWLINE)]));
    }
    closeSync(this.#file);
  }

  #append(data: Buffer): void {
    try {
      for (let at = 0; at < data.length; ) at += writeSync(this.#file, data, at);
    } catch (error) {
      // A full disk takes the log, not the container and whoever waits for it; once there is space again it goes on.
      if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EIO')) throw error;
    }
  }
}

/** Now, as RFC 3339 with nanoseconds and the zone as conmon writes it; this clock has microseconds. */
function timestamp(): string {
  const now = performance.timeOrigin + performance.now();
  const micros = Math.floor((now % 1) * 1000);
  return `${new Date(now).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}000+00:00`;
}
