import { open } from 'node:fs/promises';
import { isErrno } from '../std/index.ts';
import type { Container } from './container.ts';
import { stateOf } from './container-state.ts';
import { changed } from './events.ts';
import { logOf } from './folders.ts';
import type { OutputStream } from './log-writer.ts';

/** A piece of a container's output: a line with its end, or the rest that has none yet. */
export interface LogLine {
  readonly stream: OutputStream;
  /** RFC 3339 with nanoseconds, in UTC. */
  readonly time: string;
  readonly data: Buffer;
}

export interface LogOptions {
  /** Goes on until the container ends. */
  readonly follow?: boolean;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** The last so many lines; all where nothing is said. */
  readonly tail?: number;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly signal?: AbortSignal;
}

const CHUNK = 64 << 10;
/** What has no end of line after so many bytes is given in pieces: nobody's memory holds a line that never ends. */
const LONGEST = 64 << 10;

/** What a container wrote, oldest first; parts of one line come as one, but for lines beyond all measure. */
export async function* readLogs({ folder, id }: Container, options: LogOptions = {}): AsyncGenerator<LogLine, void> {
  const {
    since = 0,
    until = Number.POSITIVE_INFINITY,
    stdout = true,
    stderr = true,
    tail,
    follow = false,
    signal,
  } = options;
  const wanted = ({ stream, time }: LogLine): boolean => {
    const at = Date.parse(time);
    return (stream === 'stdout' ? stdout : stderr) && at >= since && at <= until;
  };
  await using reader = await LogReader.open(logOf(folder));
  if (!reader) return;
  if (tail !== undefined) {
    const last: LogLine[] = [];
    for await (const line of reader.lines()) {
      if (!wanted(line)) continue;
      last.push(line);
      if (last.length > tail) last.shift();
    }
    yield* tail === 0 ? [] : last;
  }
  for (;;) {
    signal?.throwIfAborted();
    const running = follow && ['running', 'paused', 'restarting'].includes(stateOf(folder, id).status);
    for await (const line of reader.lines()) if (wanted(line)) yield line;
    if (!running || Date.now() > until) break;
    try {
      await changed(folder, 250, signal);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error; // removed: what is open is still read to its end
    }
  }
  for (const line of reader.rest()) if (wanted(line)) yield line;
}

class LogReader implements AsyncDisposable {
  readonly #file: Awaited<ReturnType<typeof open>>;
  readonly #partial = new Map<OutputStream, { time: string; parts: Buffer[]; size: number }>();
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(file: Awaited<ReturnType<typeof open>>) {
    this.#file = file;
  }

  static async open(path: string): Promise<LogReader | undefined> {
    try {
      return new LogReader(await open(path, 'r'));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Lines that are there now and were not given yet. */
  async *lines(): AsyncGenerator<LogLine, void> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await this.#file.read(buffer, 0, CHUNK, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const data = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = data.indexOf(10, start); end >= 0; end = data.indexOf(10, start)) {
        const line = this.#parse(data.subarray(start, end));
        if (line) yield line;
        start = end + 1;
      }
      this.#rest = Buffer.from(data.subarray(start));
    }
  }

  /** Output that never got an end of line. */
  rest(): LogLine[] {
    return [...this.#partial].map(([stream, { time, parts }]) => ({ stream, time, data: Buffer.concat(parts) }));
  }

  /** `TIME STREAM F|P TEXT`: the format of Kubernetes' container runtime interface. */
  #parse(line: Buffer): LogLine | undefined {
    const first = line.indexOf(32);
    const second = line.indexOf(32, first + 1);
    const third = line.indexOf(32, second + 1);
    const stream = line.toString('latin1', first + 1, second);
    if (first < 0 || second < 0 || third < 0 || (stream !== 'stdout' && stream !== 'stderr')) return undefined;
    const text = Buffer.from(line.subarray(third + 1));
    const partial = this.#partial.get(stream) ?? { time: inUtc(line.toString('latin1', 0, first)), parts: [], size: 0 };
    partial.parts.push(text);
    partial.size += text.length;
    const ends = line[second + 1] !== 80; /* P */
    if (!ends && partial.size < LONGEST) {
      this.#partial.set(stream, partial);
      return undefined;
    }
    this.#partial.delete(stream);
    return {
      stream,
      time: partial.time,
      data: Buffer.concat(ends ? [...partial.parts, Buffer.of(10)] : partial.parts),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** As docker prints it: conmon writes the zone of the machine. */
function inUtc(time: string): string {
  const [, fraction = '', zone] = /(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  if (zone === undefined || zone === 'Z') return time;
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : `${new Date(at).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}${fraction}Z`;
}
