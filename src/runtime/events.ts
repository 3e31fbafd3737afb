import { closeSync, mkdirSync, openSync, renameSync, statSync, watch, writeSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';

/** Something that happened to a container, a volume or an image, in the form of Docker's events. */
export interface JournalEvent {
  readonly type: 'container' | 'image' | 'volume' | 'network';
  /** `create`, `start`, `die`, `pull`, … */
  readonly action: string;
  /** Container id, image name, volume name. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export interface EventQuery {
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** Goes on with what happens from now, until `until` or the signal. */
  readonly follow?: boolean;
  readonly accept?: (event: JournalEvent) => boolean;
  readonly signal?: AbortSignal;
}

const CURRENT = 'journal';
const LARGEST = 8 << 20;
const KEPT = 4;

/** Adds an event to the journal: one write to a file opened for appending, which the kernel keeps whole beside other writers. */
export function appendEvent(root: string, event: Omit<JournalEvent, 'time'> & { readonly time?: number }): void {
  const folder = join(root, 'events');
  const path = join(folder, CURRENT);
  const line = `${JSON.stringify({ time: Date.now(), ...event })}\n`;
  let file: number;
  try {
    file = openSync(path, 'a', 0o600);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    file = openSync(path, 'a', 0o600);
  }
  try {
    writeSync(file, line);
  } finally {
    closeSync(file);
  }
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGEST) rotate(folder);
}

/** Events in order of time. Lines that a crash cut are skipped. */
export async function* readEvents(root: string, query: EventQuery = {}): AsyncGenerator<JournalEvent, void> {
  const {
    since = query.follow ? Date.now() : 0,
    until = Number.POSITIVE_INFINITY,
    accept = () => true,
    signal,
  } = query;
  const folder = join(root, 'events');
  const wanted = (event: JournalEvent): boolean => event.time >= since && event.time <= until && accept(event);
  const names = (await namesIn(folder)).filter((name) => name !== CURRENT).sort();
  for (const name of names) {
    const reader = await Tail.open(join(folder, name));
    if (!reader) continue;
    await using _ = reader;
    for (const event of await reader.read()) if (wanted(event)) yield event;
  }
  if (query.follow) mkdirSync(folder, { recursive: true, mode: 0o700 });
  let tail = await Tail.open(join(folder, CURRENT));
  try {
    for (;;) {
      signal?.throwIfAborted();
      for (const event of (await tail?.read()) ?? []) if (wanted(event)) yield event;
      if (!query.follow || Date.now() > until) return;
      // A rotated journal is read to its end before its successor.
      if (!tail || (await tail.isReplaced(join(folder, CURRENT)))) {
        for (const event of (await tail?.read()) ?? []) if (wanted(event)) yield event;
        await tail?.[Symbol.asyncDispose]();
        tail = await Tail.open(join(folder, CURRENT));
        if (tail) continue;
      }
      await changed(folder, Math.min(1000, until - Date.now()), signal);
    }
  } finally {
    await tail?.[Symbol.asyncDispose]();
  }
}

/** Reads lines as they come. */
class Tail implements AsyncDisposable {
  readonly #file: Awaited<ReturnType<typeof open>>;
  #offset = 0;
  #rest = '';

  private constructor(file: Awaited<ReturnType<typeof open>>) {
    this.#file = file;
  }

  static async open(path: string): Promise<Tail | undefined> {
    try {
      return new Tail(await open(path, 'r'));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async read(): Promise<JournalEvent[]> {
    const events: JournalEvent[] = [];
    const buffer = Buffer.allocUnsafe(64 << 10);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#offset);
      if (bytesRead === 0) return events;
      const whole = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
      // A line is taken once its end is there: names in it may be of several bytes each.
      if (whole === 0 && bytesRead < buffer.length) return events;
      const end = whole === 0 ? bytesRead : whole;
      this.#rest += buffer.toString('utf8', 0, end);
      this.#offset += end;
      if (whole === 0) continue;
      for (const line of this.#rest.split('\n')) {
        const event = parseEvent(line);
        if (event) events.push(event);
      }
      this.#rest = '';
    }
  }

  async isReplaced(path: string): Promise<boolean> {
    return (await this.#file.stat()).ino !== statSync(path, { throwIfNoEntry: false })?.ino;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

function parseEvent(line: string): JournalEvent | undefined {
  try {
    const event = JSON.parse(line) as JournalEvent;
    return typeof event?.time === 'number' ? event : undefined;
  } catch {
    return undefined;
  }
}

/** Moves the journal aside. Two who do it at once rename the same file; the second finds a young one and leaves it. */
function rotate(folder: string): void {
  const path = join(folder, CURRENT);
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= LARGEST) return;
  try {
    renameSync(path, join(folder, `${CURRENT}.${String(Date.now()).padStart(15, '0')}`));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  void dropOldest(folder).catch(() => {});
}

async function dropOldest(folder: string): Promise<void> {
  const { rm } = await import('node:fs/promises');
  const old = (await namesIn(folder)).filter((name) => name !== CURRENT).sort();
  for (const name of old.slice(0, Math.max(0, old.length - KEPT))) await rm(join(folder, name), { force: true });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.startsWith(CURRENT));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Waits until something in the folder changes, or for so many milliseconds. */
export function changed(folder: string, timeout: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = watch(folder, () => done());
    const timer = setTimeout(() => done(), Math.max(0, timeout));
    const onAbort = (): void => done(signal?.reason);
    const done = (reason?: unknown): void => {
      watcher.close();
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (reason === undefined) resolve();
      else reject(reason);
    };
    watcher.on('error', () => {}); // the timer wakes us then
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
