import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fillVolume } from './fill-volume.ts';
import { identify } from './process-identity.ts';
import { createVolume } from './volumes.ts';

describe('a volume at its first use', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  let root: string;
  let rootfs: number;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'overstrata-volume-'));
    mkdirSync(join(root, 'image/data'), { recursive: true });
    writeFileSync(join(root, 'image/data/file'), 'content');
    rootfs = openSync(join(root, 'image'), 'r');
  });
  after(() => {
    closeSync(rootfs);
    rmSync(root, { recursive: true });
  });

  test('is filled from the image, and loses what a killed fill left beside it', async () => {
    const volume = createVolume(root, { name: 'data' });
    const folder = dirname(volume.mountpoint);
    const { pid, startTime } = identify(process.pid) as { pid: number; startTime: string };
    const ours = `_data.${pid}-${startTime}-0a0b0c`;
    for (const name of ['_data.4194305-1-0a0b0c', `_data.${pid}-1-0a0b0c`, ours]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'half'), '');
    }
    await fillVolume(volume, rootfs, '/data');
    assert.deepEqual(readdirSync(folder).sort(), ['_data', ours, 'filled', 'volume.json']);
    assert.deepEqual(readdirSync(volume.mountpoint), ['file']);
  });

  test('that was filled once stays as it is, and is tidied all the same', async () => {
    const volume = createVolume(root, { name: 'data' });
    rmSync(join(volume.mountpoint, 'file'));
    mkdirSync(join(dirname(volume.mountpoint), '_data.4194305-1-0d0e0f'));
    await fillVolume(volume, rootfs, '/data');
    assert.deepEqual(readdirSync(volume.mountpoint), []);
    assert.equal(readdirSync(dirname(volume.mountpoint)).length, 4);
  });
});
