import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { digestOf } from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import { DRIVERS } from './drivers.ts';
import { openSnapshotter } from './open.ts';
import { probeDrivers } from './probe.ts';
import { emptyTrash } from './trash.ts';

function state(t: { after(done: () => void): void }): string {
  const root = mkdtempSync(join(tmpdir(), 'strata-open-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** Makes the remembered probe say that only vfs works. */
function breakOthers(root: string): void {
  const path = join(root, 'snapshots', 'probe.json');
  const memory = JSON.parse(readFileSync(path, 'utf8'));
  memory.results = memory.results.map((result: { driver: string }) =>
    result.driver === 'vfs' ? result : { driver: result.driver, works: false, why: 'no such kernel' },
  );
  writeFileSync(path, JSON.stringify(memory));
}

test('the probe leaves nothing behind and is remembered', async (t) => {
  const root = state(t);
  const first = await probeDrivers(root);
  assert.deepEqual(
    first.map(({ driver }) => driver),
    DRIVERS.map(({ name }) => name),
  );
  assert.deepEqual(readdirSync(join(root, 'snapshots', 'overlay')), ['.locks']);
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(root));
  breakOthers(root);
  assert.equal((await probeDrivers(root))[0]?.why, 'no such kernel');
});

test('processes that probe at the same time do not spoil each other’s answers', async (t) => {
  const root = state(t);
  const expected = await probeDrivers(root);
  const script = `import { probeDrivers } from ${JSON.stringify(new URL('./probe.ts', import.meta.url).href)};
    process.stdout.write(JSON.stringify(await probeDrivers(process.argv[1])));`;
  const probe = promisify(execFile);
  for (let round = 0; round < 3; round++) {
    rmSync(join(root, 'snapshots', 'probe.json'));
    const args = ['--input-type=module', '--eval', script, root];
    const answers = await Promise.all(Array.from({ length: 4 }, () => probe(process.execPath, args)));
    for (const { stdout } of answers) assert.deepEqual(JSON.parse(stdout), expected);
  }
});

test('a probe of another kernel or boot is made again', async (t) => {
  const root = state(t);
  const first = await probeDrivers(root);
  breakOthers(root);
  const path = join(root, 'snapshots', 'probe.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), key: 'another' }));
  assert.deepEqual(await probeDrivers(root), first);
  writeFileSync(path, '{"torn');
  assert.deepEqual(await probeDrivers(root), first);
});

test('the best driver that works is taken, and kept for this state folder', async (t) => {
  const root = state(t);
  await probeDrivers(root);
  breakOthers(root);
  assert.equal((await openSnapshotter({ root })).driver, 'vfs');
  rmSync(join(root, 'snapshots', 'probe.json')); // others work again
  assert.equal((await openSnapshotter({ root })).driver, 'vfs');
});

test('an argument goes before STRATA_DRIVER, and that before what the folder was begun with', async (t) => {
  const root = state(t);
  t.after(() => delete process.env['STRATA_DRIVER']);
  process.env['STRATA_DRIVER'] = 'vfs';
  assert.equal((await openSnapshotter({ root })).driver, 'vfs');
  process.env['STRATA_DRIVER'] = 'nonsense';
  assert.equal((await openSnapshotter({ root, driver: 'vfs' })).driver, 'vfs');
  await assert.rejects(openSnapshotter({ root }), (error) => hasCode(error, 'InvalidArgument'));
});

test('a driver that does not work says why, and which other does', async (t) => {
  const root = state(t);
  await probeDrivers(root);
  breakOthers(root);
  await assert.rejects(
    openSnapshotter({ root, driver: 'overlay' }),
    /overlay does not work here: no such kernel.*--storage-driver vfs/,
  );
});

test('nobody but the owner enters the snapshots', async (t) => {
  const root = state(t);
  const { driver } = await openSnapshotter({ root });
  assert.equal(statSync(join(root, 'snapshots', driver)).mode & 0o777, 0o700);
});

test('what a short run needs loads no native code', async (t) => {
  const root = state(t);
  if ((await openSnapshotter({ root })).driver !== 'overlay') return t.skip('overlay does not work here');
  await using snapshots = await openSnapshotter({ root });
  const base = digestOf('base');
  await (await snapshots.prepare('base')).commit(base);
  const program = `
    import { readFileSync } from 'node:fs';
    import { openSnapshotter } from ${JSON.stringify(join(import.meta.dirname, 'open.ts'))};
    const snapshots = await openSnapshotter({ root: process.argv[1] });
    await snapshots.has(${JSON.stringify(base)});
    const made = await snapshots.prepare('run', ${JSON.stringify(base)}, { volatile: true });
    console.log(made.mounts.length, (await snapshots.open('run')).lockPath, (await snapshots.stat('run')).kind);
    await snapshots.remove('run');
    if (/koffi/.test(readFileSync('/proc/self/maps', 'latin1'))) throw new Error('koffi is loaded');
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program, root], { encoding: 'utf8' });
  assert.match(output, /^1 .*run\/lock active$/m);
});

test('a state folder of its own file system for snapshots works, its trash is inside', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('mounting needs root');
  const root = state(t);
  mkdirSync(join(root, 'snapshots'));
  execFileSync('mount', ['-t', 'tmpfs', 'strata-test', join(root, 'snapshots')]);
  try {
    await using snapshots = await openSnapshotter({ root, driver: 'vfs' });
    await snapshots.prepare('key');
    await snapshots.remove('key');
    await emptyTrash(root);
    assert.deepEqual(readdirSync(join(root, 'snapshots', 'vfs'), { recursive: true }), ['.locks', '.trash']);
  } finally {
    execFileSync('umount', ['-l', join(root, 'snapshots')]);
  }
});
