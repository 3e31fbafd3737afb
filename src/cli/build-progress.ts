import type { Writable } from 'node:stream';
import type { BuildProgress } from '../engine/index.ts';
import { type Job, printable } from '../std/index.ts';
import type { Io } from './io.ts';

/** Shows a build's steps as they come, a line each, on standard error. */
export async function showBuild<Event extends BuildProgress, Result>(
  io: Io,
  job: Job<Event, Result>,
  { how, why }: { how: 'auto' | 'plain' | 'tty' | 'rawjson' | 'quiet'; why: boolean },
): Promise<Result> {
  if (how === 'rawjson') {
    for await (const event of job) io.stderr.write(`${JSON.stringify(rawOf(event))}\n`);
  } else if (how !== 'quiet') {
    const lines = new Lines(io.stderr, why);
    for await (const event of job) lines.show(event);
  }
  return job.result;
}

/** Output as text: JSON has no bytes. */
function rawOf(event: BuildProgress): unknown {
  return event.kind === 'output'
    ? { ...event, bytes: undefined, text: Buffer.from(event.bytes).toString('utf8') }
    : event;
}

class Lines {
  readonly #to: Writable;
  readonly #why: boolean;
  readonly #numbers = new Map<string, number>();
  /** What a step wrote of its last line. */
  readonly #rests = new Map<string, string>();

  constructor(to: Writable, why: boolean) {
    this.#to = to;
    this.#why = why;
  }

  show(event: BuildProgress): void {
    switch (event.kind) {
      case 'step':
        this.#write(event.id, `[${event.stage} ${event.step}/${event.steps}] ${event.text}`);
        return;
      case 'output': {
        const text = (this.#rests.get(event.id) ?? '') + Buffer.from(event.bytes).toString('utf8');
        const lines = text.split('\n');
        this.#rests.set(event.id, lines.pop() ?? '');
        for (const line of lines) this.#write(event.id, line);
        return;
      }
      case 'done': {
        const rest = this.#rests.get(event.id);
        if (rest) this.#write(event.id, rest);
        this.#rests.delete(event.id);
        if (this.#why && event.why !== undefined) this.#write(event.id, `MADE because ${event.why}`);
        this.#write(
          event.id,
          event.cached && event.key !== undefined ? 'CACHED' : `DONE ${(event.milliseconds / 1000).toFixed(1)}s`,
        );
        return;
      }
      case 'warning':
        this.#to.write(
          `${printable(`warning: ${event.message}${event.line === undefined ? '' : ` (line ${event.line})`}`)}\n`,
        );
        return;
      case 'transfer':
        return;
    }
  }

  #write(id: string, line: string): void {
    const number = this.#numbers.get(id) ?? this.#numbers.size + 1;
    this.#numbers.set(id, number);
    this.#to.write(`#${number} ${printable(line)}\n`);
  }
}
