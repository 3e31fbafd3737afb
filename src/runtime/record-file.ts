import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { EngineError, isErrno, randomHex } from '../std/index.ts';

/**
 * Replaces a record for every reader at once, without waiting for the disk: for what a stop of the machine makes void anyway, like the
 * state of a process. What must outlive it is written by `writeFileAtomic`.
 */
export function replaceRecord(path: string, value: unknown): void {
  const aside = `${path}.tmp-${randomHex(6)}`;
  try {
    writeFileSync(aside, `${JSON.stringify(value)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

/** A record, or undefined where there is none. Throws DataLoss for what is no JSON. */
export function readRecord<Value>(path: string): Value | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Value;
  } catch (error) {
    throw new EngineError('DataLoss', `${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
}

/** The text of a small file, trimmed; undefined where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
