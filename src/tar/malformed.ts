import { EngineError } from '../std/index.ts';

/** The archive is not what a tar must be; the place is named so that it can be found with `dd` or a hex editor. */
export function malformed(what: string, offset: number, name?: string): EngineError {
  return new EngineError('InvalidArgument', `malformed tar: ${where(offset, name)}: ${what}`, {
    details: name === undefined ? { offset } : { offset, name },
  });
}

/** A well-formed archive that asks for more than its reader gives. */
export function tooMuch(what: string, offset: number, name?: string): EngineError {
  return new EngineError('ResourceExhausted', `tar refused: ${where(offset, name)}: ${what}`, {
    details: name === undefined ? { offset } : { offset, name },
  });
}

function where(offset: number, name: string | undefined): string {
  return name === undefined ? `header at byte ${offset}` : `member ${JSON.stringify(name)} at byte ${offset}`;
}
