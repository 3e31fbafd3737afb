import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Io } from './io.ts';

/** Asks for a line on the terminal. */
export async function askLine(io: Io, question: string, signal: AbortSignal): Promise<string> {
  using lines = createInterface({ input: io.stdin, output: io.stderr });
  return (await lines.question(question, { signal })).trim();
}

/** Asks for a line that is not shown while it is typed. */
export async function askSecret(io: Io, question: string, signal: AbortSignal): Promise<string> {
  io.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  using lines = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  const answer = await lines.question('', { signal });
  io.stderr.write('\n');
  return answer;
}
