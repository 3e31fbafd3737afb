import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, digestOf } from '../oci/index.ts';
import { type Job, startJob } from '../std/index.ts';
import type { TransferEvent } from '../transfer/index.ts';
import { displayWidth } from './display-width.ts';
import { showTransfer } from './progress.ts';
import { type FakeIo, fakeIo } from './testing.ts';

const ESC = '\u001b';
const id = (name: string): Digest => digestOf(Buffer.from(name));
const short = (name: string): string => id(name).slice(7, 19);
const blob = (
  name: string,
  state: 'waiting' | 'exists' | 'mounted' | 'done' | 'retrying',
  note?: string,
): TransferEvent => ({
  kind: 'blob',
  id: id(name),
  state,
  size: 100,
  ...(note !== undefined && { note }),
});
const moved = (name: string, activity: 'downloading' | 'uploading' | 'unpacking', current: number): TransferEvent => ({
  kind: 'progress',
  id: id(name),
  activity,
  current,
  total: 61_200_000,
});
const job = (...steps: (TransferEvent | (() => unknown))[]): Job<TransferEvent, string> =>
  startJob(async ({ report }) => {
    for (const step of steps) {
      if (typeof step === 'function') await step();
      else report(step);
    }
    return 'pulled';
  });

const pull = [
  { kind: 'resolved', digest: id('m'), name: 'docker.io/library/debian:12' } as const,
  blob('a', 'waiting'),
  blob('b', 'exists'),
  moved('a', 'downloading', 1_200_000),
  moved('a', 'unpacking', 100_000),
  moved('a', 'downloading', 12_300_000),
  blob('a', 'done'),
  moved('a', 'unpacking', 30_000_000),
  moved('a', 'unpacking', 61_200_000),
];

test('elsewhere than on a terminal there is a line for each new state', async () => {
  for (const io of [fakeIo(), fakeIo({ terminal: true, env: { TERM: 'dumb' } })]) {
    assert.equal(await showTransfer(io, job(...pull)), 'pulled');
    assert.deepEqual(io.output().trimEnd().split('\n'), [
      'Resolved docker.io/library/debian:12',
      `${short('a')}: Waiting`,
      `${short('b')}: Already exists`,
      `${short('a')}: Downloading`,
      `${short('a')}: Extracting`,
      `${short('a')}: Pull complete`,
    ]);
  }
});

const STEPS = new RegExp(`${ESC}\\[\\d*[AJK]|\\r|\\n|[^${ESC}\\r\\n]+`, 'g');

/** What a terminal of that size shows after the output, scrolled-off rows included. */
function screenOf(output: string, columns: number): string[] {
  const rows: string[] = [''];
  let row = 0;
  for (const [part] of output.matchAll(STEPS)) {
    const up = part.startsWith(ESC) && part.endsWith('A');
    if (up) row = Math.max(row - Number.parseInt(part.slice(2), 10), 0);
    else if (part === '\x1b[2K') rows[row] = '';
    else if (part === '\x1b[J') rows.length = row + 1;
    else if (part === '\n') {
      row++;
      rows[row] ??= '';
    } else if (part !== '\r') {
      assert.ok(displayWidth(part) < columns, `${part} does not fit`);
      rows[row] = part;
    }
    if (part === '\x1b[J') rows[row] = '';
  }
  return rows;
}

test('on a terminal each blob has a line that is redrawn in place', async () => {
  const io = fakeIo({ terminal: true, columns: 80 });
  let middle: string[] = [];
  const steps = [
    ...pull.slice(0, 6),
    async () => {
      await sleep(100);
      middle = screenOf(io.output(), 80);
    },
    ...pull.slice(6),
  ];
  await showTransfer(io, job(...steps));
  assert.deepEqual(middle, [
    'Resolved docker.io/library/debian:12',
    `${short('a')}: Downloading [======>                           ]   12.3MB/61.2MB`,
    `${short('b')}: Already exists`,
    '',
  ]);
  assert.deepEqual(screenOf(io.output(), 80), [
    'Resolved docker.io/library/debian:12',
    `${short('a')}: Pull complete`,
    `${short('b')}: Already exists`,
    '',
  ]);
});

test('more blobs than rows, and a narrow terminal, still fit', async () => {
  const io = fakeIo({ terminal: true, columns: 30, rows: 6 });
  const names = Array.from({ length: 12 }, (_, index) => `layer ${index}`);
  const steps = names.flatMap((name, index) => [
    blob(name, 'waiting'),
    moved(name, 'downloading', 1_000_000),
    ...(index % 3 === 0 ? [blob(name, 'done')] : []),
  ]);
  let middle: string[] = [];
  await showTransfer(
    io,
    job(
      ...steps,
      async () => {
        await sleep(100);
        middle = screenOf(io.output(), 30);
      },
      ...names.map((name) => blob(name, 'done')),
    ),
  );
  assert.equal(middle.length, 4 + 4 + 1, 'four that are done scroll away, four rows stay');
  assert.equal(middle.at(-2), '… and 5 more');
  const shown = screenOf(io.output(), 30).filter((row) => row.includes(': Download com'));
  assert.equal(shown.length, 12);
});

test('a terminal that becomes narrower is redrawn from where the old lines now begin', async () => {
  const io = fakeIo({ terminal: true, columns: 100, rows: 24 });
  await showTransfer(
    io,
    job(moved('a', 'downloading', 5), async () => {
      await sleep(100);
      io.resize(40, 24);
      await sleep(100);
    }),
  );
  assert.ok(io.output().includes(`${ESC}[3A`));
});

test('pushes, blob mounts and retries have their words', async () => {
  const io = fakeIo();
  await showTransfer(
    io,
    job(
      blob('a', 'retrying', 'in 2 s'),
      moved('a', 'uploading', 1),
      blob('a', 'done'),
      blob('b', 'mounted', 'library/debian'),
    ),
  );
  assert.deepEqual(io.output().trimEnd().split('\n'), [
    `${short('a')}: Retrying in 2 s`,
    `${short('a')}: Pushing`,
    `${short('a')}: Pushed`,
    `${short('b')}: Mounted from library/debian`,
  ]);
});

test('a failure leaves the last state, the cursor below it, and no timer', async () => {
  const io: FakeIo = fakeIo({ terminal: true });
  const failing = job(moved('a', 'downloading', 5), () => Promise.reject(new Error('cut')));
  await assert.rejects(showTransfer(io, failing), /cut/);
  const length = io.output().length;
  assert.equal(screenOf(io.output(), 80).at(-1), '');
  await sleep(100);
  assert.equal(io.output().length, length);
});

test('names cannot smuggle escape sequences', async () => {
  const io = fakeIo({ terminal: true });
  await showTransfer(
    io,
    job({ kind: 'resolved', digest: id('m'), name: 'a\x1b[2Jb' }, blob('a', 'mounted', '\x1b]0;x\x07')),
  );
  assert.ok(!io.output().includes(`${ESC}[2J`));
  assert.ok(!io.output().includes(`${ESC}]`));
});
