import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageFolder } from '../../examples/build-image.ts';
import { readImageFile } from '../../examples/read-image.ts';
import '../../examples/registry-in-a-test.ts';
import { startRegistry } from '../../src/registry/index.ts';
import { busyboxTar, outcomeOf, Strata } from '../strata.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const hasBusybox = spawnSync('sh', ['-c', 'command -v busybox']).status === 0;
const skip = process.getuid?.() !== 0 ? 'needs root' : !hasBusybox && 'not installed: busybox';

test('an image that is pushed is read from its registry into memory, and pulled and run', { skip }, async () => {
  await using strata = new Strata('strata-examples-');
  await using registry = await startRegistry();
  const image = `${registry.host}/team/app:1`;
  await strata.run('import', busyboxTar(strata.folder) as string, 'base:1');
  await strata.run('run', '--name', 'work', 'base:1', '/bin/sh', '-c', 'echo upper > /etc/motd; rm /etc/group');
  await strata.run('commit', 'work', image);
  await strata.run('push', '--quiet', image);
  await strata.run('rm', 'work');
  await strata.run('rmi', image, 'base:1');

  assert.equal(String(await readImageFile(image, 'etc/motd')), 'upper\n');
  assert.match(String(await readImageFile(image, 'etc/passwd')), /^root:/);
  assert.equal(await readImageFile(image, 'etc/group'), undefined, 'the upper layer removed it');

  const program = join(EXAMPLES, 'run-container.ts');
  const example = spawn(process.execPath, [program, image, '/bin/cat', '/etc/motd'], {
    env: { ...process.env, ...strata.env },
  });
  const { code, stdout, stderr } = await outcomeOf(example); // not spawnSync: the registry answers in this process
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'upper\n');
  assert.match(stderr, /pulled 127\.0\.0\.1:\d+\/team\/app:1/);
});

test('an image is made of a folder, from code', async () => {
  await using strata = new Strata('strata-examples-');
  const id = await packageFolder(EXAMPLES, 'packaged:1', { root: strata.env['STRATA_ROOT'] as string });
  assert.match(await strata.run('images', '--quiet', '--no-trunc'), new RegExp(id));
});
