import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startRegistry } from '../../src/registry/index.ts';
import { DRIVERS } from '../../src/snapshot/drivers.ts';
import { type DriverPlace, openDriverPlace } from '../contracts/driver-place.ts';
import { needs } from '../peers.ts';
import { busyboxTar, Strata } from '../strata.ts';

/** One state folder, on btrfs, that goes from driver to driver. */
describe('a state folder moves between drivers', { skip: needs('busybox', 'mkfs.btrfs'), concurrency: false }, () => {
  let place: DriverPlace;
  let strata: Strata;
  before(async () => {
    place = await openDriverPlace('btrfs');
    strata = new Strata('strata-drivers-');
    if (place.folder) strata.env['STRATA_ROOT'] = join(place.folder, 'state');
    const tar = busyboxTar(strata.folder) as string;
    await using registry = await startRegistry();
    const remote = `${registry.host}/app:1`;
    await strata.run('import', tar, 'base:1');
    await strata.run(
      'run',
      '--network',
      'none',
      '--name',
      'work',
      'base:1',
      '/bin/sh',
      '-c',
      'rm /etc/group; echo hi > /new',
    );
    await strata.run('commit', 'work', 'made:1');
    await strata.run('tag', 'made:1', remote);
    await strata.run('push', '--quiet', remote);
    await strata.run('rm', 'work');
    await strata.run('rmi', '--force', 'made:1', 'base:1', remote);
    await strata.run('pull', '--quiet', remote);
    await strata.run('tag', remote, 'app:1');
  }); // from here on there is no registry
  after(async () => {
    await strata?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  test('info says of every driver whether it works here, and why not', async () => {
    const said = await strata.run('info');
    for (const { name } of DRIVERS) assert.match(said, new RegExp(`^ ${name}: (works here|\\S.{10})`, 'm'));
    assert.match(said, /^ btrfs: works here$/m);
    assert.match(said, /^ zfs: .* is not on ZFS: put the state folder on a dataset$/m);
    const { code, stderr } = await strata.try(['--storage-driver', 'zfs', 'images']);
    if (code !== 0) assert.match(stderr, /zfs does not work here/);
  });

  for (const driver of ['btrfs', 'vfs', 'overlay', 'erofs']) {
    test(`layers are made from blobs for ${driver}, without a pull`, async () => {
      const look = ['/bin/sh', '-c', 'cat /new; test ! -e /etc/group && echo gone'];
      const run = ['run', '--rm', '--network', 'none', 'app:1', ...look];
      assert.equal(await strata.run('--storage-driver', driver, ...run), 'hi\ngone\n');
      strata.env['STRATA_DRIVER'] = driver;
      try {
        assert.match(await strata.run('info'), new RegExp(`^Storage Driver: ${driver}$`, 'm'));
        assert.equal(await strata.run(...run), 'hi\ngone\n');
      } finally {
        delete strata.env['STRATA_DRIVER'];
      }
    });
  }

  test('what was unpacked for one driver may go: it is made again', async () => {
    await strata.run('run', '--rm', '--network', 'none', 'app:1', '/bin/true');
    assert.equal((await strata.run('fsck')).trim(), 'clean');
    rmSync(join(strata.env['STRATA_ROOT'] as string, 'snapshots/vfs'), { recursive: true, force: true });
    assert.equal(
      await strata.run('--storage-driver', 'vfs', 'run', '--rm', '--network', 'none', 'app:1', '/bin/cat', '/new'),
      'hi\n',
    );
  });

  test('with its last name an image goes from every driver', async () => {
    await strata.run('rmi', '--force', 'app:1');
    await strata.run('image', 'prune', '--all', '--force');
    const folder = join(strata.env['STRATA_ROOT'] as string, 'snapshots');
    const left = DRIVERS.flatMap(({ name }) => (existsSync(join(folder, name)) ? readdirSync(join(folder, name)) : []));
    assert.deepEqual(
      left.filter((name) => name.startsWith('sha256:')),
      [],
    );
    assert.equal((await strata.run('fsck')).trim(), 'clean');
  });
});
