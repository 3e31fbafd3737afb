import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Strata } from '../strata.ts';

const strata = new Strata('strata-look-');
after(() => strata[Symbol.asyncDispose]());

const inside = (...parts: string[]): string => join(strata.folder, ...parts);

/** A tar of a folder, compressed: its files are read by inflating to where they lie. */
function pack(folder: string): string {
  const tar = execFileSync('tar', ['-C', folder, '--owner=0', '--group=0', '--sort=name', '-cf', '-', '.'], {
    maxBuffer: 1 << 28,
  });
  writeFileSync(`${folder}.tgz`, gzipSync(tar));
  return `${folder}.tgz`;
}

before(async () => {
  for (const path of ['first/etc', 'first/usr/bin', 'second/etc']) mkdirSync(inside(path), { recursive: true });
  writeFileSync(inside('first/etc/motd'), 'hello\n');
  writeFileSync(inside('first/usr/bin/tool'), Buffer.alloc(300_000, 7));
  chmodSync(inside('first/usr/bin/tool'), 0o4755);
  linkSync(inside('first/usr/bin/tool'), inside('first/usr/bin/other'));
  symlinkSync('/etc/motd', inside('first/usr/bin/message'));
  writeFileSync(inside('second/etc/motd'), 'hello, again\n');
  writeFileSync(inside('second/etc/new'), 'new\n');
  await strata.run('import', pack(inside('first')), 'first:1');
  await strata.run('import', pack(inside('second')), 'second:1');
});

test('image ls lists images, and files of one where a path follows', async () => {
  assert.match(await strata.run('image', 'ls'), /^REPOSITORY/);
  assert.match(await strata.run('image', 'ls', 'first'), /first +1/);
  assert.equal(await strata.run('image', 'ls', 'first:1', '/'), 'etc\nusr\n');
  const long = await strata.run('image', 'ls', '-l', 'first:1', '/usr/bin');
  assert.match(long, /^-rwsr-xr-x +2 +0 +0 +300000 +\S+ \S+ +tool$/m);
  assert.match(long, /message -> \/etc\/motd$/m);
  const { code, stderr } = await strata.try(['image', 'ls', 'first:1', '/nowhere']);
  assert.equal(code, 1);
  assert.match(stderr, /nowhere/);
});

test('image cat follows links inside the image and writes exact bytes', async () => {
  assert.equal(await strata.run('image', 'cat', 'first:1', 'usr/bin/message'), 'hello\n');
  assert.equal((await strata.run('image', 'cat', 'first:1', '/usr/bin/tool')).length, 300_000);
});

test('image stat tells mode, owner, links and the layer', async () => {
  const [stat] = JSON.parse(await strata.run('image', 'stat', '--format', 'json', 'first:1', '/usr/bin/other'));
  assert.equal(stat.Mode, '4755');
  assert.equal(stat.Links, 2);
  assert.equal(stat.Layer, 0);
  assert.match(stat.DiffID, /^sha256:/);
});

test('image tree draws what is in a directory', async () => {
  assert.equal(
    await strata.run('image', 'tree', '--level', '1', 'first:1', '/'),
    '/\n├── etc\n└── usr\n\n2 directories, 0 files\n',
  );
});

test('image find takes names, kinds, sizes, modes, times and layers', async () => {
  const find = async (...flags: string[]): Promise<string[]> =>
    (await strata.run('image', 'find', 'first:1', ...flags)).split('\n').filter((line) => line !== '');
  assert.deepEqual(await find('--name', 'mo*'), ['/etc/motd']);
  assert.deepEqual(await find('--perm', '4000'), ['/usr/bin/other', '/usr/bin/tool']);
  assert.deepEqual(await find('/usr', '--size', '+100k'), ['/usr/bin/other', '/usr/bin/tool']);
  assert.deepEqual(await find('--type', 'l'), ['/usr/bin/message']);
  assert.deepEqual(await find('--newer', '2200-01-01'), []);
  assert.deepEqual(await find('--layer', '1'), []);
});

test('image diff tells what was added, changed and removed', async () => {
  const lines = (await strata.run('image', 'diff', '--format', 'json', 'first:1', 'second:1'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const told = Object.fromEntries(lines.map(({ Kind, Path, Before, After }) => [Path, [Kind, Before, After]]));
  assert.deepEqual(told['/etc/motd'], ['changed', '6', '13']);
  assert.deepEqual(told['/etc/new'], ['added', '', '4']);
  assert.deepEqual(told['/usr/bin/message'], ['removed', '0', '']);
  assert.match(await strata.run('image', 'diff', '-q', 'first:1', 'second:1'), /^1 added \(4B\), /);
});

test('image layers counts what is wasted, and --ci judges it by its exit code', async () => {
  assert.match(await strata.run('image', 'layers', 'first:1'), /Efficiency 100\.0%, wasted 0B/);
  const judged = await strata.try(['image', 'layers', '--ci', '--lowest-efficiency', '1', 'first:1']);
  assert.equal(judged.code, 0);
  assert.match(judged.stdout, /PASS {2}lowest-efficiency/);
});

const root = process.geteuid?.() === 0 ? false : 'needs root to mount';

for (const driver of ['overlay', 'fuse']) {
  test(`union mount by ${driver} shows directories as one, and leaves the upper behind`, { skip: root }, async () => {
    for (const name of ['top', 'bottom,with:signs', 'all']) mkdirSync(inside(driver, name), { recursive: true });
    writeFileSync(inside(driver, 'top/both'), 'top');
    writeFileSync(inside(driver, 'bottom,with:signs/both'), 'bottom');
    writeFileSync(inside(driver, 'bottom,with:signs/one'), 'one');
    const [all, upper] = [inside(driver, 'all'), inside(driver, 'upper')];
    await strata.run(
      ...['union', 'mount', '--driver', driver, '--upper', upper],
      ...[inside(driver, 'top'), inside(driver, 'bottom,with:signs'), all],
    );
    try {
      assert.equal(readFileSync(join(all, 'both'), 'utf8'), 'top');
      writeFileSync(join(all, 'one'), 'changed');
    } finally {
      await strata.run('union', 'umount', all);
    }
    assert.equal(readFileSync(join(upper, 'one'), 'utf8'), 'changed');
    assert.equal(readFileSync(inside(driver, 'bottom,with:signs/one'), 'utf8'), 'one');
  });
}
