import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Interrupted } from './errors.ts';
import { askSecret } from './prompt.ts';
import { fakeIo } from './testing.ts';

/** Types keys at a question for a secret. */
function typed(keys: string): { readonly answer: Promise<string>; readonly shown: () => string } {
  const stdin = new PassThrough();
  const io = fakeIo({ terminal: true });
  const answer = askSecret({ ...io, stdin }, 'Password: ', new AbortController().signal);
  stdin.write(keys);
  return { answer, shown: io.errors };
}

test('a secret is not shown while it is typed', async () => {
  const { answer, shown } = typed('hidden\r');
  assert.equal(await answer, 'hidden');
  assert.equal(shown(), 'Password: \n');
});

test('Ctrl-C at a question is an interrupt, and Ctrl-D no answer', async () => {
  await assert.rejects(typed('hid\x03').answer, (error) => error instanceof Interrupted && error.signal === 'SIGINT');
  await assert.rejects(typed('\x04').answer, { code: 'InvalidArgument' });
});
