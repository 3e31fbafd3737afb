import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from './toc.ts';
import { withoutMade } from './without-made.ts';

async function kept(
  changes: readonly (readonly [Change['kind'], string])[],
  made: readonly string[],
): Promise<string[]> {
  const all = (async function* () {
    for (const [kind, path] of changes) yield { kind, path };
  })();
  const seen: string[] = [];
  for await (const { path } of withoutMade(all, made)) seen.push(path);
  return seen;
}

test('a mount point that was made is no change, nor is the folder that it was made in', async () => {
  assert.deepEqual(
    await kept(
      [
        ['modify', 'etc'],
        ['add', 'etc/hosts'],
      ],
      ['/etc/hosts'],
    ),
    [],
  );
});

test('the folder is told where something else in it changed', async () => {
  const changes = [
    ['modify', 'etc'],
    ['add', 'etc/hosts'],
    ['modify', 'etc/motd'],
    ['modify', 'srv'],
    ['add', 'srv/www'],
  ] as const;
  assert.deepEqual(await kept(changes, ['/etc/hosts']), ['etc', 'etc/motd', 'srv', 'srv/www']);
});

test('folders in folders are told in their order, and only those on the way', async () => {
  const changes = [
    ['modify', 'a'],
    ['modify', 'a/b'],
    ['add', 'a/b/made'],
    ['modify', 'a/c'],
    ['add', 'a/c/made'],
    ['add', 'a/c/real'],
  ] as const;
  assert.deepEqual(await kept(changes, ['/a/b/made', '/a/c/made']), ['a', 'a/c', 'a/c/real']);
});
