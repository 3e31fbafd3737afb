import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '../std/index.ts';
import { flagError, tellError } from './system-error.ts';

function failure(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail('it worked');
}

test('a failed system call is told in words, with the file that was meant', () => {
  assert.equal(tellError(failure(() => readFileSync('/no/such'))), "can't open /no/such: no such file or directory");
  assert.equal(
    tellError(failure(() => mkdirSync('/proc/x'))),
    "can't make the folder /proc/x: no such file or directory",
  );
  assert.equal(
    tellError(failure(() => renameSync('/no/file.tmp-0123456789ab', '/no/file'))),
    "can't write /no/file: no such file or directory",
  );
  const long = tellError(failure(() => statSync(`/tmp/${'a'.repeat(300)}/end`)));
  assert.match(long, /^can't look at \/tmp\/a+…a+\/end: name too long$/);
  assert.ok(long.length < 250);
});

test('whatever else was thrown keeps its own words', () => {
  assert.equal(tellError(new EngineError('NotFound', 'no such container: x')), 'no such container: x');
  assert.equal(tellError(new TypeError('x is not a function')), 'x is not a function');
  assert.equal(tellError('plain'), 'plain');
});

test('a file that a flag names is told with the flag', () => {
  const error = flagError(
    'env-file',
    '/no/such',
    failure(() => readFileSync('/no/such')),
  );
  assert.ok(error instanceof EngineError && error.code === 'InvalidArgument');
  assert.equal(error.message, '--env-file /no/such: no such file or directory');
  const elsewhere = failure(() => readFileSync('/no/other'));
  assert.equal(flagError('env-file', '/no/such', elsewhere), elsewhere);
  const other = new TypeError('x');
  assert.equal(flagError('env-file', '/no/such', other), other);
});
