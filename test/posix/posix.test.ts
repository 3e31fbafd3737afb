import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { mount, unmount } from '../../src/linux/index.ts';
import { mountUnion, probeDrivers } from '../../src/snapshot/index.ts';
import { CONTENT } from './content.ts';
import { DIFFERENCES } from './differences.ts';
import { type Case, fillLower, fillUpper, folderOf, outcomeOf, summaryOf } from './folder.ts';
import { NAMES } from './names.ts';
import { OPENING } from './opening.ts';

const CASES: readonly Case[] = [...OPENING, ...NAMES, ...CONTENT];

const place = mkdtempSync(join(tmpdir(), 'strata-posix-'));
const probed = await probeDrivers(place);
const missing = ['overlay', 'fuse']
  .map((name) => probed.find(({ driver }) => driver === name))
  .find((one) => !one?.works);
const skip = missing ? `${missing.driver} does not work here: ${missing.why}` : false;

describe('what programs see of a union', { skip, timeout: 300_000 }, () => {
  const mounts = skip ? undefined : mountBoth();
  after(() => {
    for (const path of Object.values(mounts ?? {})) unmount(path, { lazy: true });
    rmSync(place, { recursive: true, force: true });
  });

  test('there are at least 300 cases, each with a name of its own', () => {
    assert.ok(CASES.length >= 300, `${CASES.length}`);
    assert.equal(new Set(CASES.map(([name]) => name)).size, CASES.length);
  });

  test('every listed difference names a case', () => {
    const names = new Set(CASES.map(([name]) => name));
    assert.deepEqual(
      [...DIFFERENCES.keys()].filter((name) => !names.has(name)),
      [],
    );
  });

  for (const [index, [name, run]] of CASES.entries()) {
    test(name, () => {
      const seen = Object.values(mounts ?? {}).map((path) => {
        const on = folderOf(join(path, `case-${index}`));
        return { said: outcomeOf(() => run(on)), left: summaryOf(on.path) };
      });
      const difference = DIFFERENCES.get(name);
      if (!difference) assert.deepEqual(seen[1], seen[0]);
      else assert.deepEqual([seen[0]?.said, seen[1]?.said], [difference.overlay, difference.fuse], difference.why);
    });
  }
});

/** The same layers by the kernel's overlayfs and by our server. */
function mountBoth(): { overlay: string; fuse: string } {
  process.umask(0o022);
  process.setgroups?.([]);
  const at = (...names: string[]): string => join(place, ...names);
  const mounted = { overlay: at('overlay/merged'), fuse: at('fuse/merged') };
  for (const kind of ['overlay', 'fuse'] as const) {
    for (const name of ['top', 'bottom', 'upper', 'work', 'merged']) mkdirSync(at(kind, name), { recursive: true });
    for (const index of CASES.keys()) {
      mkdirSync(at(kind, 'bottom', `case-${index}`));
      fillLower(at(kind, 'bottom', `case-${index}`));
      mkdirSync(at(kind, 'top', `case-${index}`, 'merged'), { recursive: true });
    }
  }
  const options = ['index=off', 'metacopy=off', 'redirect_dir=off'];
  const folders = `lowerdir=${at('overlay/top')}:${at('overlay/bottom')},upperdir=${at('overlay/upper')},workdir=${at('overlay/work')}`;
  mount('overlay', mounted.overlay, 'overlay', 0, [folders, ...options].join(','));
  mountUnion(mounted.fuse, {
    source: at('fuse'),
    union: {
      layers: [at('fuse/bottom'), at('fuse/top')],
      upper: { path: at('fuse/upper'), work: at('fuse/work') },
    },
  });
  for (const path of Object.values(mounted)) {
    lstatSync(path);
    for (const index of CASES.keys()) fillUpper(join(path, `case-${index}`));
  }
  return mounted;
}
