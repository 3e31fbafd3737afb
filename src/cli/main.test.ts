import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../std/index.ts';
import { type Command, command, type Program } from './command.ts';
import type { Wiring } from './context.ts';
import { eachArgument } from './each-argument.ts';
import { globalFlags } from './globals.ts';
import { main } from './main.ts';
import { type FakeIo, fakeIo } from './testing.ts';
import { program as shipped } from './verbs.ts';

const list: Command = command({
  args: '[REPOSITORY[:TAG]]',
  description: ['What is listed is here.'],
  examples: ['images -q'],
  flags: {
    all: { kind: 'boolean', short: 'a', description: 'Show all' },
    limit: { kind: 'number', default: 3, description: 'At most so many' },
    secret: { kind: 'string', hidden: true, description: 'Not shown' },
  },
  async run({ args, flags, given, print }) {
    const limit: number = flags.limit; // the type follows from the declaration
    print(`${args.join(',')} ${flags.all} ${limit} ${[...given]}`);
  },
});

const run: Command = command({
  args: 'IMAGE [COMMAND] [ARG...]',
  interspersed: false,
  failure: 125,
  flags: { rm: { kind: 'boolean', description: 'Remove it' } },
  async run({ args, flags, print }) {
    print(`${flags.rm} ${args.join(' ')}`);
    if (args[0] === 'missing') throw new EngineError('NotFound', 'no such image: missing');
    if (args[0] === 'nocommand') throw new EngineError('NotFound', 'not found: x', { details: { exitCode: 127 } });
    return 3;
  },
});

const rm: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  run: (context) =>
    eachArgument(context, async (name) => {
      if (name === 'bad') throw new EngineError('NotFound', `no such container: ${name}`);
      context.print(name);
    }),
});

const wait: Command = command({
  async run({ signal, print }) {
    print('waiting');
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
});

const stubborn: Command = command({
  async run({ takeSignals, print }) {
    print('working');
    await new Promise<void>((resolve) => {
      const taken = takeSignals(['SIGINT', 'SIGUSR1'], (signal) => {
        print(`passed on ${signal}`);
        if (signal === 'SIGUSR1') {
          taken[Symbol.dispose]();
          resolve();
        }
      });
    });
    await new Promise(() => {}); // never ends, whatever it is told
  },
});

const fail: Command = command({
  args: 'HOW',
  async run({ args: [how], print }) {
    if (how === 'hostile') print('a\x1b]0;title\x07b');
    if (how === 'cause') throw new EngineError('Unavailable', 'outer', { cause: new Error('inner') });
    if (how === 'bug') throw new TypeError('x is not a function');
  },
});

const verb = (names: [string, ...string[]], loaded: Command, hidden = false): Program['verbs'][number] => ({
  names,
  group: 'Images',
  summary: `Do ${names[0]}`,
  hidden,
  load: async () => loaded,
});
const program: Program = {
  name: 'strata',
  summary: 'A test',
  globals: globalFlags,
  groups: ['Images', 'Containers'],
  topics: [
    { name: 'image', group: 'Images', summary: 'Manage images' },
    { name: 'container', group: 'Containers', summary: 'Manage containers' },
    { name: 'empty', group: 'Images', summary: 'Nothing here' },
  ],
  verbs: [
    verb(['images', 'image ls', 'image list'], list),
    verb(['run', 'container run'], run),
    verb(['rm', 'container rm'], rm),
    verb(['wait'], wait),
    verb(['stubborn'], stubborn),
    verb(['fail'], fail),
    verb(['__hidden'], list, true),
  ],
};
const wiring: Wiring = { openEngine: () => Promise.reject(new EngineError('NotImplemented', 'no engine here')) };

async function strata(line: string, io: FakeIo = fakeIo()): Promise<{ code: number; out: string; err: string }> {
  const code = await main(line === '' ? [] : line.split(' '), io, program, wiring);
  return { code, out: io.output(), err: io.errors() };
}

test('a verb gets its arguments and flags, under each of its names', async () => {
  assert.deepEqual(await strata('images -a debian'), { code: 0, out: 'debian true 3 all\n', err: '' });
  assert.equal((await strata('image ls --limit 5')).out, ' false 5 limit\n');
  assert.equal((await strata('image list x')).out, 'x false 3 \n');
  assert.equal((await strata('--debug images')).code, 0);
});

test('what follows the image of run belongs to its command', async () => {
  assert.deepEqual(await strata('run --rm debian ls --rm -l'), { code: 3, out: 'true debian ls --rm -l\n', err: '' });
});

test('exit codes are those of docker', async () => {
  assert.equal((await strata('run --foo')).code, 125);
  assert.equal((await strata('images --foo')).code, 125);
  assert.equal((await strata('run')).code, 1);
  assert.equal((await strata('run missing')).code, 125);
  assert.equal((await strata('run nocommand')).code, 127);
  assert.equal((await strata('rm bad')).code, 1);
  assert.equal((await strata('imgaes')).code, 1);
  assert.equal((await strata('--foo images')).code, 125);
  assert.equal((await strata('image')).code, 0);
  assert.equal((await strata('')).code, 0);
});

test('a mistake is told with the nearest right word and where help is', async () => {
  assert.equal(
    (await strata('imgaes')).err,
    "strata: unknown command: strata imgaes\nDid you mean strata images?\nSee 'strata --help'.\n",
  );
  assert.equal((await strata('image lss')).err.split('\n')[1], 'Did you mean strata image ls?');
  assert.equal(
    (await strata('run --rmm x')).err,
    "strata: unknown flag: --rmm\nDid you mean --rm?\nSee 'strata run --help'.\n",
  );
  assert.match((await strata('images --root /x')).err, /--root goes before the verb: strata --root … images/);
  assert.equal(
    (await strata('images a b')).err,
    "strata: 'strata images' requires at most 1 argument\nSee 'strata images --help'.\n",
  );
  assert.equal(
    (await strata('container run')).err,
    "strata: 'strata container run' requires at least 1 argument\nSee 'strata container run --help'.\n",
  );
});

test('help is laid out as docker lays it out', async () => {
  const expected = `Usage:  strata image ls [OPTIONS] [REPOSITORY[:TAG]]

Do images

What is listed is here.

Aliases:
  strata images, strata image ls, strata image list

Options:
  -a, --all         Show all
      --limit int   At most so many (default 3)

Examples:
  strata images -q
`;
  assert.equal((await strata('image ls --help')).out, expected);
  assert.equal((await strata('help image ls')).out, expected);
  assert.equal((await strata('image ls -h')).out, expected);
});

test('the help of the program lists verbs by task, without what is hidden or empty', async () => {
  const { out } = await strata('--help');
  assert.match(out, /^Usage: {2}strata \[OPTIONS\] COMMAND\n\nA test\n\nImages:\n {2}images +Do images\n/);
  assert.match(out, /\n {2}image … +Manage images\n/);
  assert.match(out, /\nContainers:\n/);
  assert.doesNotMatch(out, /hidden|Nothing here/);
  assert.ok(out.split('\n').every((line) => line.length < 80));
  assert.equal((await strata('help')).out, out);
  assert.match(
    (await strata('image')).out,
    /^Usage: {2}strata image COMMAND\n\nManage images\n\nCommands:\n {2}ls {3}Do images\n/,
  );
});

test('one failure of many is told and the others are done', async () => {
  assert.deepEqual(await strata('rm a bad b'), { code: 1, out: 'a\nb\n', err: 'strata: no such container: bad\n' });
});

test('causes and stacks are shown on demand alone', async () => {
  assert.equal((await strata('fail cause')).err, 'strata: outer\n');
  const { err } = await strata('--debug fail cause');
  assert.match(err, /^strata: outer\nEngineError: outer[\s\S]*\[Unavailable\]\ncaused by: Error: inner/);
  assert.match((await strata('fail bug')).err, /^strata: x is not a function\nThis is a bug/);
});

test('control characters reach files, but no terminal', async () => {
  assert.equal((await strata('fail hostile')).out, 'a\x1b]0;title\x07b\n');
  assert.equal((await strata('fail hostile', fakeIo({ terminal: true }))).out, 'a\ufffd]0;title\ufffdb\n');
});

test('a signal aborts the verb, silently, with its exit code', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const io = fakeIo();
    const running = strata('wait', io);
    await sleep(5);
    io.raise(signal);
    assert.deepEqual(await running, { code, out: 'waiting\n', err: '' });
    assert.equal(io.raise(signal), false, 'nobody listens any more');
  }
});

test('signals go to whoever took them; a second one to the program ends it', async () => {
  const io = fakeIo();
  const running = strata('stubborn', io);
  await sleep(5);
  io.raise('SIGINT');
  io.raise('SIGUSR1');
  io.raise('SIGINT');
  io.raise('SIGINT');
  assert.deepEqual(await running, { code: 130, out: 'working\npassed on SIGINT\npassed on SIGUSR1\n', err: '' });
});

test('a reader that goes away ends the verb without a word', async () => {
  const io = fakeIo();
  io.closeOutput();
  assert.deepEqual(await strata('wait', io), { code: 141, out: '', err: '' });
});

test('the engine is opened once, when it is asked for, and closed at the end', async () => {
  let opened = 0;
  let closed = 0;
  const engine = {
    async [Symbol.asyncDispose]() {
      closed++;
    },
  };
  const asks = command({
    async run(context) {
      await context.engine();
      await context.engine();
      throw new EngineError('Internal', 'after');
    },
  });
  const fake = {
    openEngine: async () => {
      opened++;
      return engine;
    },
  } as unknown as Wiring;
  const verbs = [verb(['asks'], asks), verb(['images'], list)];
  assert.equal(await main(['images'], fakeIo(), { ...program, verbs }, fake), 0);
  assert.equal(opened, 0);
  assert.equal(await main(['asks'], fakeIo(), { ...program, verbs }, fake), 1);
  assert.deepEqual([opened, closed], [1, 1]);
});

test('no two verbs of the program share a name, and every group and topic is known', () => {
  const names = shipped.verbs.flatMap((each) => each.names);
  assert.equal(new Set(names).size, names.length);
  const topics = new Set(shipped.topics.map(({ name }) => name));
  for (const each of shipped.verbs) {
    assert.ok(shipped.groups.includes(each.group), each.group);
    for (const name of each.names) {
      const [first] = name.split(' ') as [string];
      assert.ok(first === name || topics.has(first) || names.includes(first), name); // `build history ls` stands beside `build`
    }
  }
});

test('every verb of the program loads, and no two of its flags share a spelling', async () => {
  for (const each of shipped.verbs) {
    const { flags } = await each.load();
    const spellings = Object.entries(flags).flatMap(([key, { short, aliases = [] }]) => [
      key,
      ...aliases,
      ...(short ? [short] : []),
    ]);
    assert.equal(new Set(spellings).size, spellings.length, each.names[0]);
    assert.equal(await main([...each.names[0].split(' '), '--help'], fakeIo(), shipped, wiring), 0, each.names[0]);
  }
});

const entry = join(import.meta.dirname, 'strata.ts');

test('the program itself ends quietly when its reader goes away', async () => {
  const child = spawn('sh', ['-c', `"$0" "$1" --help; echo $? >&2`, process.execPath, entry], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  await once(child, 'close');
  assert.match(err, /^(141|0)\n$/);
});

test('output that could not be written is a failure', {
  skip: existsSync('/dev/full') ? false : 'no /dev/full here',
}, () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [entry, '--help'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /^strata: write failed: no space left on device$/m);
  } finally {
    closeSync(full);
  }
});

test('the program prints its version and refuses what it does not know', () => {
  const start = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8' });
  assert.match(String(start('-v').stdout), /^strata version \d+\.\d+\.\d+\n$/);
  assert.match(String(start('version', '--format', '{{.Client.Version}}').stdout), /^\d+\.\d+\.\d+\n$/);
  assert.equal(start('no-such-verb').status, 1);
});
