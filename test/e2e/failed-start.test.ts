import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../peers.ts';
import { busyboxTar, Strata } from '../strata.ts';

/** What becomes of a container that was to go with its run, and of what is made on this machine for it, when there is no run. */
describe('a start that fails', { skip: needs('busybox', 'crun', 'conmon'), timeout: 120_000 }, () => {
  let strata: Strata;
  before(async () => {
    strata = new Strata();
    await strata.run('import', busyboxTar(strata.folder) as string, 'base:1');
  });
  after(() => strata?.[Symbol.asyncDispose]());

  /** Paths below the drivers' folder, `overlay/ID`. */
  const active = (): string[] =>
    globSync('*/*', { cwd: join(strata.env['STRATA_ROOT'] as string, 'snapshots') }).filter((path) =>
      /^[^/]+\/[0-9a-f]{64}$/.test(path),
    );
  const leavesNothing = async (code: number, ...args: string[]): Promise<void> => {
    assert.equal((await strata.try(args)).code, code);
    assert.equal(await strata.run('ps', '--all', '--quiet'), '');
    assert.deepEqual(active(), []);
  };

  test('leaves nothing of a container with --rm, in the background', async () => {
    await leavesNothing(127, 'run', '-d', '--rm', 'base:1', 'no-such-program');
    await leavesNothing(125, 'run', '-d', '--rm', '--mount', 'type=bind,src=/no/such/folder,dst=/v', 'base:1', 'true');
  });

  test('makes no container where what is to be mounted is not there', async () => {
    const missing = ['--mount', 'type=bind,src=/no/such/folder,dst=/v', 'base:1', 'true'];
    await leavesNothing(125, 'run', ...missing);
    await leavesNothing(125, 'run', '-d', ...missing);
    await leavesNothing(125, 'create', ...missing);
  });

  test('makes no container where the file for its ID is taken, and no file where the container can’t be made', async () => {
    const file = join(strata.folder, 'cid');
    await leavesNothing(125, 'run', '--cidfile', file, '--name', 'a/b', 'base:1', 'true');
    assert.equal(existsSync(file), false);
    const id = (await strata.run('create', '--cidfile', file, 'base:1', 'true')).trim();
    assert.equal(readFileSync(file, 'utf8'), id);
    await strata.run('rm', id);
    await leavesNothing(125, 'run', '--cidfile', file, 'base:1', 'true');
  });

  test('leaves nothing of a container with --rm and a terminal', async () => {
    await leavesNothing(127, 'run', '-t', '--rm', 'base:1', 'no-such-program');
    await leavesNothing(125, 'run', '-t', '--rm', '-w', '/proc', 'base:1', 'true');
  });

  test('leaves nothing of a container with --rm whose files can’t be mounted', async () => {
    const id = (await strata.run('create', '--rm', 'base:1', 'true')).trim();
    const [snapshot] = active();
    execFileSync('rm', ['-r', join(strata.env['STRATA_ROOT'] as string, 'snapshots', snapshot as string, 'work')]);
    await leavesNothing(1, 'start', id);
  });

  test('says so where a folder to mount can’t be made, and does not look for it for ever', async () => {
    const { code, stderr } = await strata.try(['run', '--rm', '-v', '/proc/no-such:/v', 'base:1', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, /can't make \/proc\/no-such/);
  });

  test('volumes are out of reach for other users of the machine', async () => {
    await strata.run('volume', 'create', 'data');
    const volume = join(strata.env['STRATA_ROOT'] as string, 'volumes/data');
    assert.equal(statSync(volume).mode & 0o777, 0o700);
    assert.equal(statSync(join(volume, '_data')).mode & 0o777, 0o755);
  });

  test('a commit whose container is removed meanwhile stands', async () => {
    const busy = 'head -c 200000000 /dev/zero > /big; echo ready; sleep 100';
    const id = (await strata.run('run', '-d', '--name', 'busy', 'base:1', 'sh', '-c', busy)).trim();
    while (!(await strata.run('logs', 'busy')).includes('ready')) await sleep(50);
    const state = join(strata.env['STRATA_ROOT'] as string, 'containers', id, 'state.json');
    const isPaused = (): boolean => JSON.parse(readFileSync(state, 'utf8')).status === 'paused';
    let done = false;
    const committing = strata.try(['commit', 'busy', 'kept:1']).finally(() => {
      done = true;
    });
    while (!done && !isPaused()) await sleep(1);
    await strata.run('rm', '--force', 'busy');
    const { code, stderr } = await committing;
    assert.equal(code, 0, stderr);
    assert.notEqual(await strata.run('images', '--quiet', 'kept:1'), '');
  });
});
