import type { ByteStream } from '../std/index.ts';
import type { TarEntry, TarPosition } from './entry.ts';
import { type TarLimits, tarParser } from './parser.ts';

/** One member of an archive that is being read. */
export interface TarMember {
  readonly entry: TarEntry;
  readonly position: TarPosition;
  /** Its stored data, readable once and only until the next member is asked for; what is left then is skipped. */
  readonly content: ByteStream;
}

const END = Symbol('end of a member');
type Event = { entry: TarEntry; position: TarPosition } | Uint8Array | typeof END;

/** Members of the archive in `stream`, which is read no faster than they are taken. Errors are those of `tarParser`. */
export async function* readTar(stream: ByteStream, limits: TarLimits = {}): AsyncGenerator<TarMember, void> {
  let events: Event[] = []; // what one chunk held: its size bounds their number
  let taken = 0;
  const parser = tarParser(
    {
      entry: (entry, position) => events.push({ entry, position }),
      data: (chunk) => events.push(chunk),
      endEntry: () => events.push(END),
    },
    limits,
  );
  const chunks = stream[Symbol.asyncIterator]();
  let over = false;

  const next = async (): Promise<Event | undefined> => {
    while (taken === events.length) {
      if (over) return undefined;
      events = [];
      taken = 0;
      const chunk = await chunks.next();
      over = chunk.done === true;
      if (chunk.done) parser.end();
      else parser.write(chunk.value);
    }
    return events[taken++];
  };

  try {
    for (let event = await next(); event !== undefined; event = await next()) {
      if (event === END || event instanceof Uint8Array) continue;
      let open = true;
      const content = async function* (): AsyncGenerator<Uint8Array, void> {
        while (open) {
          const part = await next();
          if (part instanceof Uint8Array) yield part;
          else open = false;
        }
      };
      yield { ...event, content: content() };
      while (open) open = (await next()) instanceof Uint8Array;
    }
  } finally {
    await chunks.return?.();
  }
}
