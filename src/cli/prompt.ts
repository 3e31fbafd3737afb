import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { EngineError } from '../std/index.ts';
import { Interrupted } from './errors.ts';
import type { Io } from './io.ts';

/** Asks for a line on the terminal. */
export async function askLine(io: Io, question: string, signal: AbortSignal): Promise<string> {
  using lines = createInterface({ input: io.stdin, output: io.stderr });
  return (await answerTo(io, lines, question, signal)).trim();
}

/** Asks for a line that is not shown while it is typed. */
export async function askSecret(io: Io, question: string, signal: AbortSignal): Promise<string> {
  io.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  using lines = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  const answer = await answerTo(io, lines, '', signal);
  io.stderr.write('\n');
  return answer;
}

/** While lines are read from a terminal Ctrl-C is a key, and no signal comes of it. */
async function answerTo(io: Io, lines: Interface, question: string, signal: AbortSignal): Promise<string> {
  const { promise: left, reject: leave } = Promise.withResolvers<never>();
  lines.once('SIGINT', () => leave(new Interrupted('SIGINT')));
  lines.once('close', () => leave(new EngineError('InvalidArgument', 'nothing was typed')));
  try {
    return await Promise.race([lines.question(question, { signal }), left]);
  } catch (error) {
    io.stderr.write('\n');
    throw error;
  }
}
