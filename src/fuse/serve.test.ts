import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AT_FDCWD, getXattr, listXattrs, mount, setXattr, unmount, utimesAt } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';
import { fuseOptions, openFuse } from './mount.ts';

const skip = reasonToSkip();

/** Mounts a file system in memory, served by a process of its own. */
function mountMemory(): { at: string; server: ChildProcess } & Disposable {
  const at = mkdtempSync(join(tmpdir(), 'strata-fuse-'));
  const fuse = openFuse();
  mount('memory', at, 'fuse', 0, fuseOptions(fuse).join(','));
  const server = spawn(process.execPath, [join(import.meta.dirname, 'testing-server.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', fuse],
  });
  closeSync(fuse);
  return {
    at,
    server,
    [Symbol.dispose]() {
      unmount(at, { lazy: true });
      rmdirSync(at);
    },
  };
}

describe('a file system served over /dev/fuse', { skip, timeout: 60_000 }, () => {
  const { at, server, ...mounted } = skip ? { at: '', server: undefined } : mountMemory();
  const place = (...names: string[]): string => join(at, ...names);
  after(async () => {
    if (!server) return;
    const ended = once(server, 'exit');
    (mounted as Disposable)[Symbol.dispose]();
    assert.deepEqual(await ended, [0, null], 'its server ends by itself when it is unmounted');
  });

  test('files are made, written, read, cut and removed', () => {
    writeFileSync(place('file'), 'content');
    assert.equal(readFileSync(place('file'), 'utf8'), 'content');
    const fd = openSync(place('file'), 'r+');
    ftruncateSync(fd, 3);
    writeSync(fd, 'X', 5);
    assert.equal(fstatSync(fd).size, 6);
    closeSync(fd);
    assert.equal(readFileSync(place('file'), 'latin1'), 'con\0\0X');
    unlinkSync(place('file'));
    assert.equal(existsSync(place('file')), false);
  });

  test('three megabytes pass in both directions', () => {
    const content = Buffer.alloc(3 << 20, 'overstrata ');
    writeFileSync(place('large'), content);
    assert.ok(readFileSync(place('large')).equals(content));
    const uncached = execFileSync('dd', [`if=${place('large')}`, 'iflag=direct', 'bs=1M', 'status=none'], {
      maxBuffer: content.length + 1,
    });
    assert.ok(uncached.equals(content), 'and again past the cache');
  });

  test('names of any bytes, of 255 bytes, and long links', () => {
    const odd = Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xff, 0xfe, 0x0a, 0x20])]);
    writeFileSync(odd, 'odd');
    assert.ok(readdirSync(at, { encoding: 'buffer' }).some((name) => name.equals(odd.subarray(at.length + 1))));
    assert.equal(readFileSync(odd, 'utf8'), 'odd');
    writeFileSync(place('ä'.repeat(127)), 'long');
    assert.throws(
      () => writeFileSync(place('x'.repeat(256)), ''),
      (error) => isErrno(error, 'ENAMETOOLONG'),
    );
    symlinkSync('t'.repeat(4000), place('link'));
    assert.equal(readlinkSync(place('link')), 't'.repeat(4000));
  });

  test('attributes arrive to the nanosecond and are not stale after changes', () => {
    writeFileSync(place('times'), '');
    utimesAt(AT_FDCWD, place('times'), -5_500_000_001n, 2n ** 33n * 1_000_000_000n + 7n);
    const { atimeNs, mtimeNs } = lstatSync(place('times'), { bigint: true });
    assert.deepEqual([atimeNs, mtimeNs], [-5_500_000_001n, 2n ** 33n * 1_000_000_000n + 7n]);
    linkSync(place('times'), place('second'));
    assert.equal(statSync(place('times')).nlink, 2);
    unlinkSync(place('second'));
    assert.equal(statSync(place('times')).nlink, 1);
  });

  test('a name that was not there is there once it is made', () => {
    assert.equal(existsSync(place('later')), false);
    writeFileSync(place('later'), '');
    assert.equal(existsSync(place('later')), true);
    renameSync(place('later'), place('renamed'));
    assert.equal(existsSync(place('later')), false);
    assert.equal(existsSync(place('renamed')), true);
  });

  test('a directory is read whole, each name once, whatever comes and goes meanwhile', () => {
    const folder = place('many');
    mkdirSync(folder);
    const names = Array.from({ length: 2000 }, (_, i) => `a-rather-long-name-${i}`);
    for (const name of names) writeFileSync(join(folder, name), '');
    assert.deepEqual(readdirSync(folder).sort(), names.toSorted());
    const script = `
      import os
      seen = []
      with os.scandir(${JSON.stringify(folder)}) as entries:
        for i, entry in enumerate(entries):
          seen.append(entry.name)
          if i % 3 == 0 and i < 1500: os.unlink(${JSON.stringify(folder)} + '/' + entry.name)
          if i % 5 == 0: open(${JSON.stringify(folder)} + '/new-%d' % i, 'w').close()
      old = [name for name in seen if name.startswith('a-')]
      assert len(old) == len(set(old)) == 2000, (len(old), len(set(old)))
      assert len(seen) == len(set(seen))
    `;
    execFileSync('python3', ['-c', script.replace(/^ {6}/gm, '')]);
    rmSync(folder, { recursive: true });
  });

  test('extended attributes are set, listed and read', () => {
    writeFileSync(place('noted'), '');
    setXattr(place('noted'), 'user.note', Buffer.from([0, 255]));
    assert.deepEqual(getXattr(place('noted'), 'user.note'), Buffer.from([0, 255]));
    assert.equal(getXattr(place('noted'), 'user.other'), undefined);
    assert.deepEqual(listXattrs(place('noted')), ['user.note']);
  });

  test('bytes that come later do not hold up the rest', async () => {
    writeFileSync(place('remote'), 'from afar');
    setXattr(place('remote'), 'user.remote', Buffer.from('1'));
    const started = Date.now();
    const reading = Array.from({ length: 10 }, () => {
      const reader = spawn('dd', [`if=${place('remote')}`, 'iflag=direct', 'bs=4096', 'status=none']);
      return once(reader.stdout, 'data').then(([chunk]) => String(chunk));
    });
    statSync(place('remote'));
    assert.deepEqual(new Set(await Promise.all(reading)), new Set(['from afar']));
    assert.ok(Date.now() - started < 5000);
    assert.equal(readFileSync(place('remote'), 'utf8'), 'from afar');
  });

  test('statfs tells what the file system says', () => {
    const { bsize, blocks, bavail, files } = statfsSync(at);
    assert.deepEqual([bsize, blocks, bavail, files], [4096, 1000, 400, 100]);
  });

  test('an open file outlives its name', () => {
    writeFileSync(place('gone'), 'still here');
    const fd = openSync(place('gone'), 'r');
    unlinkSync(place('gone'));
    const into = Buffer.alloc(10);
    readSync(fd, into, 0, 10, 0);
    assert.equal(into.toString(), 'still here');
    closeSync(fd);
  });
});

test('a killed server leaves no hung mount', { skip, timeout: 30_000 }, async () => {
  using mounted = mountMemory();
  writeFileSync(join(mounted.at, 'file'), '');
  const ended = once(mounted.server, 'exit');
  mounted.server.kill('SIGKILL');
  await ended;
  assert.throws(
    () => readdirSync(mounted.at),
    (error) => isErrno(error, 'ENOTCONN'),
  );
});

function reasonToSkip(): string | false {
  if (process.geteuid?.() !== 0) return 'mounting needs root';
  try {
    closeSync(openFuse());
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}
