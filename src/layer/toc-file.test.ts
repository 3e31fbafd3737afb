import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { digestOf } from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import { type Member, streamOf, tarOf, temporaryFolder } from './fixtures.test.ts';
import { readToc } from './read-layer.ts';
import type { Toc, TocEntry } from './toc.ts';
import { readTocFile, writeTocFile } from './toc-file.ts';

const MEMBERS: Member[] = [
  { name: 'etc/', type: 'directory', mode: 0o1777, uid: 1, gid: 2, mtime: -7n },
  { name: 'etc/pass\udcffwd\n', content: 'x', xattrs: new Map([['user.a', Buffer.from([0, 1, 255])]]) },
  { name: 'etc/empty', mtime: 1_700_000_000_123_456_789n },
  { name: 'l', type: 'symlink', linkName: '../\udc80' },
  { name: 'h', type: 'hardlink', linkName: 'etc/empty' },
  { name: 'below', type: 'hardlink', linkName: 'usr/x' },
  { name: 'null', type: 'character', device: { major: 1, minor: 3 } },
  { name: '.wh.gone' },
  { name: 'o/.wh..wh..opq' },
  { name: 'sparse', size: 1e10, sparse: [{ offset: 5e9, length: 3 }], content: 'abc' },
  { name: 'hole', size: 1e7, sparse: [] },
];

test('a table of contents says where every byte of its tar lies', async () => {
  const tar = tarOf(MEMBERS);
  const toc = await readToc(streamOf(tar, 300));
  assert.deepEqual([toc.diffID, toc.size], [digestOf(tar), tar.length]);
  const content = (path: string): string => {
    const data = toc.entries.find((entry) => entry.path === path)?.data;
    return data ? tar.toString('utf8', data.offset, data.offset + data.length) : '';
  };
  assert.equal(content('etc/pass\udcffwd\n'), 'x');
  assert.equal(content('sparse'), 'abc');
  assert.equal(toc.entries.find(({ path }) => path === 'etc/empty')?.data, undefined);
});

test('a table is read as it was written', async () => {
  using folder = temporaryFolder();
  const toc = await readToc(streamOf(tarOf(MEMBERS)));
  await writeTocFile(join(folder.path, 'toc'), toc);
  assert.deepEqual(await readTocFile(join(folder.path, 'toc')), toc);
  assert.deepEqual(readdirSync(folder.path), ['toc']);
});

test('every entry survives, whatever is in it', async () => {
  using folder = temporaryFolder();
  const entry: fc.Arbitrary<TocEntry> = fc.record(
    {
      path: fc.string({ unit: 'binary' }),
      type: fc.constantFrom('file', 'directory', 'symlink', 'hardlink', 'whiteout'),
      mode: fc.nat(0o7777),
      uid: fc.nat(),
      gid: fc.nat(),
      size: fc.maxSafeNat(),
      mtime: fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
      link: fc.string({ unit: 'binary' }),
      linksBelow: fc.constant(true as const),
      device: fc.record({ major: fc.nat(), minor: fc.nat() }, { noNullPrototype: true }),
      data: fc.record({ offset: fc.maxSafeNat(), length: fc.maxSafeNat() }, { noNullPrototype: true }),
      opaque: fc.constant(true as const),
      implied: fc.constant(true as const),
    },
    { requiredKeys: ['path', 'type', 'mode', 'uid', 'gid', 'size', 'mtime', 'link'], noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(entry), async (entries) => {
      const toc: Toc = { diffID: digestOf(''), size: 1024, entries };
      await writeTocFile(join(folder.path, 'toc'), toc);
      assert.deepEqual(await readTocFile(join(folder.path, 'toc')), toc);
    }),
    { numRuns: 50 },
  );
});

test('a missing table is undefined; a damaged one and one of another version are told', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'toc');
  assert.equal(await readTocFile(path), undefined);
  await writeTocFile(path, await readToc(streamOf(tarOf(MEMBERS))));
  const whole = readFileSync(path);
  const text = zstdDecompressSync(whole).toString();
  const isDamaged = (error: unknown): boolean => hasCode(error, 'DataLoss');
  for (const bytes of [
    whole.subarray(0, whole.length / 2),
    Buffer.alloc(0),
    Buffer.from('no table'),
    zstdCompressSync(text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)),
    zstdCompressSync(text.replace('sha256:', 'md5:')),
    zstdCompressSync(`${text}[]\n`),
  ]) {
    writeFileSync(path, bytes);
    await assert.rejects(readTocFile(path), isDamaged);
  }
  writeFileSync(path, zstdCompressSync(text.replace('"toc":1', '"toc":2')));
  await assert.rejects(readTocFile(path), (error) => hasCode(error, 'NotImplemented'));
});

test('a table that can not be written leaves nothing', async () => {
  using folder = temporaryFolder();
  await assert.rejects(writeTocFile(join(folder.path, 'none/toc'), { diffID: digestOf(''), size: 0, entries: [] }));
  assert.equal(existsSync(join(folder.path, 'none')), false);
});
