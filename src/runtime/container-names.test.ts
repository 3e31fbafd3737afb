import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../std/index.ts';
import { claimName, ownerOfName } from './container-names.ts';

test('a name that a killed process took for a container it never finished is free again', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'strata-names-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [dead, next] = ['a'.repeat(64), 'b'.repeat(64)];
  const unfinished = join(root, 'containers', `.new-${dead}`);
  mkdirSync(join(unfinished, 'bundle'), { recursive: true });
  claimName(root, dead, 'web');
  assert.throws(
    () => claimName(root, next, 'web'),
    (error) => hasCode(error, 'AlreadyExists'),
  ); // it may be at work still
  const before = Date.now() / 1000 - 120;
  utimesSync(unfinished, before, before);
  assert.equal(claimName(root, next, 'web'), 'web');
  assert.equal(ownerOfName(root, 'web'), next);
  assert.ok(!existsSync(unfinished));
});
