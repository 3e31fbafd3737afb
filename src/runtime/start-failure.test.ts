import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runtimeErrors } from './oci-runtime.ts';
import { startFailureCode } from './start-failure.ts';
import { cannotRun, TestMachine } from './testing.ts';

test('what a runtime logs is read in each of its forms, the last thing first', () => {
  const folder = mkdtempSync(join(tmpdir(), 'overstrata-log-'));
  const log = join(folder, 'log');
  const lines = [
    '{"level":"warning","msg":"never mind"}',
    '{"level":"error","msg":"first"}',
    '',
    'second',
    '{"level":"err',
  ];
  writeFileSync(log, lines.join('\n'));
  assert.deepEqual(runtimeErrors(log), ['second', 'first']);
  assert.deepEqual(runtimeErrors(join(folder, 'none')), []);
  rmSync(folder, { recursive: true });
});

test('a command that is not there is 127, one that can not be executed 126, all else 125', () => {
  for (const [code, words] of [
    [127, 'executable file `x` not found in $PATH: No such file or directory'],
    [126, 'open executable: Permission denied'],
    [125, 'writing to cgroup: Invalid argument'],
  ] as const)
    assert.equal(startFailureCode(words), code, words);
});

describe('a process that can not be started', { skip: cannotRun(), timeout: 60_000 }, () => {
  let machine: TestMachine;
  before(() => {
    machine = new TestMachine();
  });
  after(() => machine[Symbol.asyncDispose]());

  test('does not bring its image’s control characters to a terminal', async () => {
    for (const autoRemove of [true, false]) {
      const { exitCode, stderr } = await machine.run([], { config: { Cmd: ['no\x1b[31msuch\x07'] }, autoRemove });
      assert.equal(exitCode, 127);
      assert.match(stderr, /no\ufffd\[31msuch\ufffd/);
    }
    const own = await machine.run(['sh', '-c', 'printf "\\033[31mred" >&2'], { autoRemove: true });
    assert.equal(own.stderr, '\x1b[31mred', 'a container’s own output stays as it is');
  });

  test('for too long a list of arguments is told in words', async () => {
    const env = Array.from({ length: 30 }, (_, at) => `V${at}=${'x'.repeat(100_000)}`);
    const { exitCode, stderr } = await machine.run(['true'], { env, autoRemove: true });
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /argument list too long/i);
    assert.doesNotMatch(stderr, /[{}]/);
  });
});
