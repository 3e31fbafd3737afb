import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { listUsers, passwordFile, removeUser, setUser } from './htpasswd.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-htpasswd-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('users are added, changed, listed and removed, and the file stays private', async () => {
  const file = join(folder, 'users');
  assert.deepEqual(await listUsers(file), []);
  await setUser(file, 'ann', 'one', { cost: 4 });
  await setUser(file, 'bob', 'two', { cost: 4 });
  const before = await readFile(file, 'utf8');
  await setUser(file, 'ann', 'three', { cost: 4 });
  assert.deepEqual(await listUsers(file), ['ann', 'bob']);
  assert.equal((await readFile(file, 'utf8')).split('\n')[1], before.split('\n')[1]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal(await removeUser(file, 'ann'), true);
  assert.equal(await removeUser(file, 'ann'), false);
  assert.deepEqual(await listUsers(file), ['bob']);
});

test('changes at the same time all count', async () => {
  const file = join(folder, 'busy');
  const names = Array.from({ length: 8 }, (_, index) => `user${index}`);
  await Promise.all(names.map((name) => setUser(file, name, 'secret', { cost: 4 })));
  assert.deepEqual((await listUsers(file)).sort(), names);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.includes('.tmp-')),
    [],
  );
});

test('names and passwords that the file or bcrypt can not hold are refused', async () => {
  const file = join(folder, 'never');
  for (const user of ['', 'a:b', 'a b', 'a\nb', 'x'.repeat(256)]) {
    await assert.rejects(setUser(file, user, 'secret', { cost: 4 }), { code: 'InvalidArgument' });
  }
  for (const password of ['', 'x'.repeat(73), 'a\0b']) {
    await assert.rejects(setUser(file, 'ann', password, { cost: 4 }), { code: 'InvalidArgument' });
  }
  assert.deepEqual(await listUsers(file), []);
});

test('only bcrypt lines are users; comments and other hashes are none', async () => {
  const file = join(folder, 'mixed');
  await setUser(file, 'ann', 'secret', { cost: 4 });
  const line = (await readFile(file, 'utf8')).trim();
  await writeFile(file, `# users\n${line}\nold:$apr1$abc$def\nplain:secret\n${line.replace('ann', '#bob')}\n`);
  assert.deepEqual(await listUsers(file), ['ann']);
});

test('a file that vanishes or can not be read has no users', async () => {
  const file = join(folder, 'vanishing');
  await setUser(file, 'ann', 'secret', { cost: 4 });
  assert.ok(passwordFile(file).hashOf('ann'));
  await rm(file);
  assert.equal(passwordFile(file).hashOf('ann'), undefined);
  await chmod(folder, 0o700);
  assert.equal(passwordFile(folder).hashOf('ann'), undefined);
});

const htpasswd = spawnSync('htpasswd').error ? 'htpasswd is not installed' : false;
test("Apache's htpasswd and we read each other's files", { skip: htpasswd }, async () => {
  const file = join(folder, 'apache');
  await setUser(file, 'ann', 'secret', { cost: 4 });
  assert.equal(spawnSync('htpasswd', ['-vb', file, 'ann', 'secret']).status, 0);
  assert.notEqual(spawnSync('htpasswd', ['-vb', file, 'ann', 'wrong']).status, 0);
  assert.equal(spawnSync('htpasswd', ['-bB', '-C', '4', file, 'bob', 'other']).status, 0);
  assert.deepEqual(await listUsers(file), ['ann', 'bob']);
});
