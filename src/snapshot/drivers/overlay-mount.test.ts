import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unmount } from '../../linux/index.ts';
import { probeDrivers } from '../probe.ts';
import { mountOverlay, type OverlayMount, overlayOptions } from './overlay-mount.ts';

const PAGE = 4096;

const place = mkdtempSync(join(tmpdir(), 'strata-overlay-mount-'));
const overlay = (await probeDrivers(place)).find(({ driver }) => driver === 'overlay');
const skip = overlay?.works ? false : `overlay does not work here: ${overlay?.why}`;
test.after(() => rmSync(place, { recursive: true, force: true }));

/** 128 layers as the driver lays them out, in a folder of that name, with an upper. */
function deep(name: string): OverlayMount & { target: string } {
  const folder = join(place, name);
  const lowers = Array.from({ length: 128 }, (_, i) => {
    const layer = `sha256:${String(i).padStart(64, '0')}`;
    mkdirSync(join(folder, layer, 'fs'), { recursive: true });
    writeFileSync(join(folder, layer, 'fs', `file-${i}`), `${i}`);
    mkdirSync(join(folder, '.l'), { recursive: true });
    const link = `.l/abcdefgh${String(i).padStart(4, '0')}`;
    symlinkSync(`../${layer}/fs`, join(folder, link));
    return link;
  });
  for (const one of ['key/fs', 'key/work', 'target']) mkdirSync(join(folder, one), { recursive: true });
  return { folder, lowers, upper: { path: 'key/fs', work: 'key/work' }, target: join(folder, 'target') };
}

function assertMounted(overlay: OverlayMount & { target: string }): void {
  assert.equal(readdirSync(overlay.target).length, 128);
  writeFileSync(join(overlay.target, 'file-0'), 'changed');
  assert.equal(readFileSync(join(overlay.folder, 'key/fs/file-0'), 'utf8'), 'changed');
}

for (const classic of [false, true]) {
  test(`128 layers mount ${classic ? 'by one string of options' : 'layer by layer'}`, { skip }, () => {
    const long = deep(`${'a-long-name-'.repeat(8)}${classic}`);
    mountOverlay(long, long.target, { classic });
    try {
      assertMounted(long);
    } finally {
      unmount(long.target);
    }
  });
}

test('mount(8) takes the options for 128 layers, from the folder that they are relative to', { skip }, () => {
  const overlay = deep('by mount(8)');
  const options = overlayOptions(overlay).join(',');
  assert.ok(options.length < PAGE);
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, overlay.target], { cwd: overlay.folder });
  try {
    assertMounted(overlay);
  } finally {
    unmount(overlay.target);
  }
});

test('a state folder may have any name', { skip }, () => {
  for (const classic of [false, true]) {
    const odd = deep(`comma, colon: \\ back ${classic}`);
    mountOverlay(odd, odd.target, { classic });
    try {
      assertMounted(odd);
    } finally {
      unmount(odd.target);
    }
  }
});

test('what was mounted volatile mounts again', { skip }, () => {
  const overlay = { ...deep('volatile'), volatile: true };
  for (let round = 0; round < 2; round++) {
    mountOverlay(overlay, overlay.target);
    unmount(overlay.target);
  }
});
