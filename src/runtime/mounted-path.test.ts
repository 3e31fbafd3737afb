import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { resolveAcrossMounts } from './mounted-path.ts';
import type { SpecMount } from './spec-types.ts';
import { prepareWorkingDirectory } from './working-directory.ts';

describe('a path in a container that is not there yet', {
  skip: process.platform === 'linux' ? false : 'needs Linux',
}, () => {
  let folder: string;
  let rootfs: number;
  let mounts: readonly SpecMount[];
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'overstrata-mounted-'));
    for (const name of ['root/work', 'root/data', 'shared/real/deep', 'over'])
      mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'shared/file'), '');
    symlinkSync('/data', join(folder, 'root/way'));
    for (const [name, target] of Object.entries({
      inside: 'real',
      absolute: '/data/real/deep',
      up: '../work',
      out: '../../../../../../../../etc',
      host: '/etc',
      leak: '/proc/self/fd/8',
      descriptor: '/dev/fd/8',
      loop: 'loop',
      kernel: '/sys/fs',
    }))
      symlinkSync(target, join(folder, 'shared', name));
    rootfs = openSync(join(folder, 'root'), 'r');
    const bind = (source: string, destination: string): SpecMount => ({
      destination,
      type: 'bind',
      source: join(folder, source),
      options: [],
    });
    mounts = [
      { destination: '/proc', type: 'proc', source: 'proc', options: [] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [] },
      bind('shared', '/data'),
      bind('over', '/data/real/over'),
      bind('shared/file', '/file'),
    ];
  });
  after(() => {
    closeSync(rootfs);
    rmSync(folder, { recursive: true });
  });

  test('is found through links of the image and of what is mounted', () => {
    for (const [path, expected] of [
      ['/data/inside/deep', '/data/real/deep'],
      ['/way/inside', '/data/real'],
      ['/data/absolute', '/data/real/deep'],
      ['/data/absolute/..', '/data/real'],
      ['/data/up', '/work'],
      ['/data/out', '/etc'],
      ['/data/host', '/etc'],
      ['/data/inside/over/..', '/data/real'],
      ['/data/kernel/cgroup', '/sys/fs/cgroup'],
      ['/missing/below', '/missing/below'],
      ['/data/missing', '/data/missing'],
      ['/', '/'],
    ] as const)
      assert.equal(resolveAcrossMounts(rootfs, mounts, path).path, expected, path);
    assert.throws(() => resolveAcrossMounts(rootfs, mounts, '/data/loop'), { code: 'InvalidArgument' });
  });

  test('says what is there, and in which mount', () => {
    const at = (path: string) => resolveAcrossMounts(rootfs, mounts, path);
    assert.equal(at('/data/inside/over').mount?.destination, '/data/real/over');
    assert.ok(at('/data/inside').stats?.isDirectory());
    assert.ok(at('/file').stats?.isFile());
    assert.equal(at('/data/missing').stats, undefined);
    assert.equal(at('/work').mount, undefined);
    assert.equal(at('/proc/self').stats, undefined);
  });

  test('is no working directory where a link in a mount leads to the runtime’s descriptors', () => {
    const made: string[] = [];
    const prepare = (path: string) =>
      prepareWorkingDirectory(rootfs, path, { mounts, made: (each) => made.push(each) });
    for (const path of ['/data/leak', '/way/leak', '/data/leak/../..', '/data/descriptor', '/file', '/data/file'])
      assert.throws(() => prepare(path), { code: 'InvalidArgument' }, path);
    assert.equal(prepare('/way/inside'), '/data/real');
    assert.equal(prepare('/data/new'), '/data/new');
    assert.deepEqual(made, []);
    assert.equal(prepare('/data/host'), '/etc');
    assert.deepEqual(made, ['/etc']);
  });
});
