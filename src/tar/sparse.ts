import type { SparseRun } from './entry.ts';
import { BLOCK, type Field, numberField, paddingLength } from './fields.ts';
import { malformed, tooMuch } from './malformed.ts';

/** GNU's old form: four pairs in the header, then as many blocks of 21 as their flags say. GNU tar, "Old GNU Format". */
export const OLD_REAL_SIZE: Field = [483, 12];
const IN_HEADER = { start: 386, count: 4, more: 482 };
const IN_EXTENSION = { start: 0, count: 21, more: 504 };
const PAIR = 24;

/** Takes the pairs of a header or an extension block into `numbers`; returns whether another block follows. */
export function readOldPairs(
  block: Buffer,
  at: number,
  numbers: number[],
  offset: number,
  { extension }: { extension: boolean },
): boolean {
  const { start, count, more } = extension ? IN_EXTENSION : IN_HEADER;
  for (let index = 0; index < count; index++) {
    const from = start + index * PAIR;
    if (block[at + from] === 0) break;
    numbers.push(numberField(block, at, [from, 12], offset), numberField(block, at, [from + 12, 12], offset));
  }
  return block[at + more] !== 0;
}

/** Checks pairs of offset and length and drops the empty ones, which only mark the end. */
export function parseRuns(numbers: readonly number[], size: number, storedSize: number, offset: number): SparseRun[] {
  if (numbers.length % 2 !== 0) throw malformed('sparse map with an offset but no length', offset);
  const runs: SparseRun[] = [];
  let end = 0;
  let stored = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const run = { offset: numbers[index] as number, length: numbers[index + 1] as number };
    if (run.length < 0 || run.offset < end || run.offset > size || run.length > size - run.offset) {
      throw malformed(`sparse map out of order, or beyond the file's ${size} bytes`, offset);
    }
    end = run.offset + run.length;
    stored += run.length;
    if (run.length > 0) runs.push(run);
  }
  if (stored !== storedSize) {
    throw malformed(`sparse map of ${stored} bytes, but ${storedSize} are stored`, offset);
  }
  return runs;
}

/** Reads the map that version 1.0 puts before the data: decimal numbers, a line each, filled up to whole blocks. */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  readonly #offset: number;
  readonly #maxRuns: number;
  #digits = '';
  /** Bytes taken so far. */
  length = 0;

  constructor(offset: number, maxRuns: number) {
    this.#offset = offset;
    this.#maxRuns = maxRuns;
  }

  /** Takes one block; the pairs once they are complete. */
  take(block: Buffer, at: number): number[] | undefined {
    this.length += BLOCK;
    for (let index = at; index < at + BLOCK; index++) {
      const byte = block[index] as number;
      if (byte === 0x0a) {
        this.#line();
        const [count] = this.#numbers;
        if (count !== undefined && this.#numbers.length === 1 + 2 * count) return this.#numbers.slice(1);
      } else if (byte >= 0x30 && byte <= 0x39 && this.#digits.length < 16) {
        this.#digits += String.fromCharCode(byte);
      } else {
        throw malformed('sparse map that is not made of numbers', this.#offset);
      }
    }
    return undefined;
  }

  #line(): void {
    const number = Number(this.#digits);
    if (this.#digits === '' || !Number.isSafeInteger(number)) {
      throw malformed('sparse map that is not made of numbers', this.#offset);
    }
    if (this.#numbers.length === 0 && number > this.#maxRuns) {
      throw tooMuch(`sparse map of ${number} runs, more than ${this.#maxRuns}`, this.#offset);
    }
    this.#digits = '';
    this.#numbers.push(number);
  }
}

/** The map of version 1.0 for `runs`; GNU tar takes the file's length from an empty run at its end. */
export function formatMap(runs: readonly SparseRun[], size: number): Buffer {
  const last = runs.at(-1);
  const all = last && last.offset + last.length === size ? runs : [...runs, { offset: size, length: 0 }];
  const text = `${all.length}\n${all.map((run) => `${run.offset}\n${run.length}\n`).join('')}`;
  return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(paddingLength(text.length))]);
}
