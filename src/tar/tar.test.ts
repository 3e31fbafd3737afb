import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodeName, EngineError, readAll } from '../std/index.ts';
import {
  encodeEntry,
  endOfArchive,
  paddingOf,
  readTar,
  storedSizeOf,
  type TarEntry,
  tarParser,
  writeTar,
} from './index.ts';

const plain: TarEntry = {
  name: 'file',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: 'root',
  groupName: 'root',
  size: 0,
  mtime: 0n,
};

/** Entries with their data, from an archive written in chunks of `step` bytes. */
function parse(archive: Buffer, step = archive.length, limits = {}) {
  const members: { entry: TarEntry; data: Buffer; dataOffset: number; headerOffset: number }[] = [];
  let data: Uint8Array[] = [];
  const parser = tarParser(
    {
      entry(entry, { dataOffset, headerOffset }) {
        members.push({ entry, data: Buffer.alloc(0), dataOffset, headerOffset });
        data = [];
      },
      data: (chunk) => data.push(Buffer.from(chunk)),
      endEntry() {
        (members.at(-1) as { data: Buffer }).data = Buffer.concat(data);
      },
    },
    limits,
  );
  for (let at = 0; at < archive.length; at += Math.max(1, step))
    parser.write(archive.subarray(at, at + Math.max(1, step)));
  return { members, size: parser.end().size };
}

function archiveOf(...members: { entry: TarEntry; data?: Buffer }[]): Buffer {
  const parts = members.flatMap(({ entry, data = Buffer.alloc(0) }) => [
    encodeEntry(entry),
    data,
    paddingOf(data.length),
  ]);
  return Buffer.concat([...parts, endOfArchive]);
}

const bytesName = (max: number) =>
  fc
    .uint8Array({ minLength: 1, maxLength: max })
    .map((bytes) => decodeName(bytes.map((byte) => byte || 1)))
    .filter((name) => !name.endsWith('/'));
const longName = fc
  .array(fc.stringMatching(/^[a-z.]{1,120}$/), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join('/'));
const name = fc.oneof(
  bytesName(40),
  bytesName(300),
  longName,
  fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => text.replaceAll('\0', '0').replace(/\/+$/, '') || 'x'),
);
const id = fc.oneof(fc.nat({ max: 70_000 }), fc.nat({ max: Number.MAX_SAFE_INTEGER }));
const xattrs = fc
  .uniqueArray(
    fc.tuple(fc.oneof(bytesName(30), fc.stringMatching(/^user\.[a-z=%.]{1,20}$/)), fc.uint8Array({ maxLength: 60 })),
    {
      minLength: 1,
      maxLength: 4,
      selector: ([key]) => key,
    },
  )
  .map((pairs) => new Map(pairs.map(([key, value]) => [key, Buffer.from(value)])));
const runs = fc
  .array(fc.tuple(fc.nat({ max: 3000 }), fc.integer({ min: 1, max: 900 })), { maxLength: 40 })
  .chain((gaps) => fc.tuple(fc.constant(gaps), fc.nat({ max: 10_000 })))
  .map(([gaps, tail]) => {
    let at = 0;
    const sparse = gaps.map(([gap, length]) => {
      const run = { offset: at + gap, length };
      at += gap + length;
      return run;
    });
    return { sparse, size: at + tail };
  });

const kind: fc.Arbitrary<Partial<TarEntry>> = fc.oneof(
  fc.nat({ max: 2000 }).map((size) => ({ type: 'file' as const, size })),
  runs.map((sparse) => ({ type: 'file' as const, ...sparse })),
  name.map((linkName) => ({ type: 'symlink' as const, linkName })),
  name.map((linkName) => ({ type: 'hardlink' as const, linkName })),
  fc
    .constantFrom('character' as const, 'block' as const)
    .map((type) => ({ type, device: { major: 7, minor: 300_000 } })),
  fc.constant({ type: 'fifo' as const }),
  fc.constant({ type: 'directory' as const }),
);
const member = fc
  .record({
    base: fc.record({
      name,
      mode: fc.nat({ max: 0o7777 }),
      uid: id,
      gid: id,
      userName: fc.oneof(fc.constant('root'), bytesName(40), fc.constant('')),
      groupName: fc.oneof(fc.constant(''), bytesName(40)),
      mtime: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
    }),
    kind,
    xattrs: fc.option(xattrs, { nil: undefined }),
  })
  .map(({ base, kind, xattrs }) => {
    const entry: TarEntry = { ...plain, ...base, ...kind, ...(xattrs && { xattrs }) };
    return entry.type === 'directory' ? { ...entry, name: `${entry.name}/` } : entry;
  })
  .map((entry) => ({ entry, data: Buffer.alloc(storedSizeOf(entry), 'overstrata') }));

test('what is written is read equal, in chunks of any size', () => {
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), fc.integer({ min: 1, max: 3000 }), (members, step) => {
      const archive = archiveOf(...members);
      const read = parse(archive, step);
      assert.deepEqual(
        read.members.map(({ entry, data }) => ({ entry, data })),
        members,
      );
      assert.equal(read.size, archive.length);
      for (const { data, dataOffset } of read.members) {
        assert.ok(archive.subarray(dataOffset, dataOffset + data.length).equals(data));
      }
    }),
    { numRuns: 300 },
  );
});

test('readTar gives the same as the parser, whether contents are read or skipped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 4 }), fc.integer({ min: 100, max: 3000 }), async (members, step) => {
      async function* input() {
        for (const { entry, data } of members) yield { entry, content: chunksOf(data, 77) };
      }
      const archive = await readAll(writeTar(input()), { limit: 1e7, what: 'archive' });
      assert.ok(archive.equals(archiveOf(...members)));
      let index = 0;
      for await (const { entry, content } of readTar(chunksOf(archive, step))) {
        assert.deepEqual(entry, members[index]?.entry);
        if (index % 2 === 0) {
          assert.ok((await readAll(content, { limit: 1e7, what: 'content' })).equals(members[index]?.data as Buffer));
        }
        index++;
      }
      assert.equal(index, members.length);
    }),
    { numRuns: 40 },
  );
});

test('readTar stops its source when it is left early', async () => {
  let closed = false;
  async function* source() {
    try {
      yield archiveOf({ entry: plain }, { entry: plain });
    } finally {
      closed = true;
    }
  }
  for await (const { entry } of readTar(source())) {
    assert.equal(entry.name, 'file');
    break;
  }
  assert.ok(closed);
});

test('writeTar refuses a content that is not as long as its entry says', async () => {
  for (const length of [3, 5]) {
    const archive = writeTar([{ entry: { ...plain, size: 4 }, content: chunksOf(Buffer.alloc(length), 9) }]);
    await assert.rejects(readAll(archive, { limit: 1e6, what: 'archive' }), /"file" should be 4 bytes/);
  }
});

test('the writer refuses what no archive can say', () => {
  const device = { major: 1, minor: 3 };
  const wrong: Partial<TarEntry>[] = [
    { name: '' },
    { name: 'a\0b' },
    { name: 'a/' },
    { type: 'symlink' },
    { linkName: 'x' },
    { uid: -1 },
    { size: 2 ** 60 },
    { mode: 0o10000 },
    { type: 'directory', size: 1 },
    { type: 'character' },
    { device },
    { type: 'block', device: { major: 2 ** 30, minor: 0 } },
    { size: 9, sparse: [{ offset: 8, length: 2 }] },
  ];
  for (const change of wrong) assert.throws(() => encodeEntry({ ...plain, ...change }), { code: 'InvalidArgument' });
});

test('directories get the slash their names should end with', () => {
  const [read] = parse(archiveOf({ entry: { ...plain, name: 'dir', type: 'directory' } })).members;
  assert.equal(read?.entry.name, 'dir/');
});

test('only EngineErrors come out of archives that were damaged at random', () => {
  const sound = archiveOf(
    {
      entry: { ...plain, name: 'é'.repeat(80), size: 700, xattrs: new Map([['user.a', Buffer.from([0, 255])]]) },
      data: Buffer.alloc(700),
    },
    { entry: { ...plain, size: 5000, sparse: [{ offset: 600, length: 9 }] }, data: Buffer.alloc(9) },
    { entry: { ...plain, type: 'symlink', linkName: 'y' } },
  );
  const change = fc.tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.boolean(),
      (changes, step, resum) => {
        const archive = Buffer.from(sound);
        for (const [at, value] of changes) archive[at] = value;
        if (resum) for (const [at] of changes) fixChecksum(archive, at - (at % 512));
        try {
          parse(archive, step);
        } catch (error) {
          assert.ok(error instanceof EngineError, String(error));
        }
      },
    ),
    { numRuns: 1500 },
  );
});

async function* chunksOf(bytes: Buffer, step: number) {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

/** Makes the block at `at` pass for a header, so that damage gets past the checksum. */
function fixChecksum(archive: Buffer, at: number): void {
  if (archive.toString('latin1', at + 257, at + 262) !== 'ustar') return;
  archive.fill(0x20, at + 148, at + 156);
  let sum = 0;
  for (const byte of archive.subarray(at, at + 512)) sum += byte;
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}
