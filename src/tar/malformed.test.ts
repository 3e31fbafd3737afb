import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeEntry, endOfArchive, paddingOf, type TarEntry, type TarLimits, tarParser } from './index.ts';

const plain: TarEntry = {
  name: 'file',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: '',
  groupName: '',
  size: 0,
  mtime: 0n,
};

function parse(archive: Buffer, limits: TarLimits = {}): TarEntry[] {
  const entries: TarEntry[] = [];
  const parser = tarParser({ entry: (entry) => entries.push(entry), data() {}, endEntry() {} }, limits);
  parser.write(archive);
  parser.end();
  return entries;
}

/** A header block with some bytes changed and its sum made right again. */
function header(
  change: Partial<TarEntry> & { type?: TarEntry['type'] },
  ...patches: [at: number, text: string | Buffer][]
): Buffer {
  const block = encodeEntry({ ...plain, ...change }).subarray(-512);
  for (const [at, text] of patches) Buffer.from(text as string, 'latin1').copy(block, at);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function extended(type: string, body: string | Buffer): Buffer {
  const bytes = Buffer.from(body as string, 'latin1');
  return Buffer.concat([header({ size: bytes.length }, [156, type]), bytes, paddingOf(bytes.length)]);
}

function record(key: string, value: string): string {
  let length = key.length + value.length + 4;
  while (`${length} ${key}=${value}\n`.length !== length) length++;
  return `${length} ${key}=${value}\n`;
}

const archive = (...parts: Buffer[]) => Buffer.concat([...parts, endOfArchive]);
const file = header({});
const binary = (value: bigint, length: number) => {
  const bytes = Buffer.alloc(length);
  const bits = BigInt.asUintN(length * 8, value) | (1n << BigInt(length * 8 - 1));
  bytes.write(bits.toString(16).padStart(length * 2, '0'), 'hex');
  return bytes;
};

const SIZE = 124;
const refused: Record<string, [Buffer, RegExp]> = {
  'a wrong checksum': [archive(file, Buffer.from(file).fill(0x41, 0, 1)), /header at byte 512: wrong checksum/],
  'no tar at all': [Buffer.alloc(1024, 'junk'), /not a tar archive/],
  'a size that is no number': [archive(header({}, [SIZE, '0000000008z\0'])), /size "0000000008z/],
  'a negative size': [archive(header({}, [SIZE, binary(-5n, 12)])), /size of -5 bytes/],
  'a size beyond 2^53': [archive(header({}, [SIZE, binary(1n << 60n, 12)])), /no number this program can hold/],
  'a size whose end is beyond 2^53': [archive(header({}, [SIZE, binary((1n << 53n) - 1n, 12)])), /size of/],
  'a negative uid': [archive(header({}, [108, binary(-1n, 8)])), /negative/],
  'an unknown type': [archive(header({}, [156, 'Z'])), /unsupported type "Z"/],
  'a multi-volume part': [archive(header({}, [156, 'M'])), /unsupported type "M"/],
  'star sparse files': [archive(header({}, [156, 'S'])), /unsupported type "S"/],
  'a pax record that is too long': [archive(extended('x', '99 path=a\n'), file), /wrong length/],
  'a pax record without a newline': [archive(extended('x', '9 path=ab'), file), /wrong length/],
  'a pax record that starts with a zero': [archive(extended('x', '010 path=a\n'), file), /wrong length/],
  'a pax record of no length': [archive(extended('x', '0 path=a\n'), file), /wrong length/],
  'a pax record without =': [archive(extended('x', '8 patha\n'), file), /KEY=VALUE/],
  'a pax record without key': [archive(extended('x', '5 =a\n'), file), /KEY=VALUE/],
  'a pax path with NUL': [archive(extended('x', record('path', 'a\0b')), file), /NUL/],
  'a pax size with a sign': [archive(extended('x', record('size', '-1')), file), /pax size "-1"/],
  'a pax size of 2^63': [archive(extended('x', record('size', '9223372036854775808')), file), /pax size/],
  'a pax time of nonsense': [archive(extended('x', record('mtime', '1e9')), file), /pax mtime/],
  'a damaged global header': [archive(extended('g', '5 zz'), file), /wrong length/],
  'a pax header for nobody': [archive(extended('x', record('path', 'a'))), /belongs to no member/],
  'two pax headers for one member': [
    archive(extended('x', record('path', 'a')), extended('x', record('path', 'b')), file),
    /between another one and its member/,
  ],
  'two long names for one member': [archive(extended('L', 'a\0'), extended('L', 'b\0'), file), /between another/],
  'names that differ by who reads them': [
    archive(extended('L', 'a\0'), extended('x', record('path', 'b')), file),
    /name it differently/,
  ],
  'a header after a lone zero block': [archive(file, Buffer.alloc(512), file), /lone zero block/],
  'a sparse map out of order': [
    archive(
      extended('x', record('GNU.sparse.map', '5,1,2,1') + record('GNU.sparse.size', '9')),
      header({ size: 2 }),
      Buffer.alloc(512),
    ),
    /out of order/,
  ],
  'a sparse map beyond the file': [
    archive(
      extended('x', record('GNU.sparse.map', '5,9') + record('GNU.sparse.size', '9')),
      header({ size: 9 }),
      Buffer.alloc(512),
    ),
    /beyond the file's 9 bytes/,
  ],
  'a sparse map that is not what is stored': [
    archive(
      extended('x', record('GNU.sparse.map', '0,1') + record('GNU.sparse.size', '9')),
      header({ size: 2 }),
      Buffer.alloc(512),
    ),
    /map of 1 bytes, but 2 are stored/,
  ],
  'a sparse map of letters': [
    archive(
      extended('x', record('GNU.sparse.major', '1') + record('GNU.sparse.minor', '0')),
      header({ size: 512 }),
      Buffer.alloc(512, 'x'),
    ),
    /not made of numbers/,
  ],
  'a sparse map longer than its member': [
    archive(
      extended('x', record('GNU.sparse.major', '1') + record('GNU.sparse.minor', '0')),
      header({ size: 3 }),
      Buffer.from('1\n0\n'.padEnd(512, '0')),
    ),
    /longer than its member|not made of numbers/,
  ],
  'a sparse map of an unknown version': [
    archive(extended('x', record('GNU.sparse.major', '2') + record('GNU.sparse.minor', '0')), file),
    /unknown GNU.sparse version 2.0/,
  ],
};

for (const [what, [bytes, message]] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.throws(() => parse(bytes), { code: 'InvalidArgument', message });
  });
}

test('refuses more than its limits allow', () => {
  const many = archive(file, file, file);
  assert.throws(() => parse(many, { entries: 2 }), { code: 'ResourceExhausted', message: /more than 2 members/ });
  const globals = archive(extended('g', ''), extended('g', ''), file);
  assert.throws(() => parse(globals, { entries: 2 }), { code: 'ResourceExhausted' });
  assert.throws(() => parse(header({ size: (1 << 20) + 1 }, [156, 'x'])), { code: 'ResourceExhausted' });
  assert.throws(() => parse(header({ size: 2 ** 32 }, [156, 'L'])), { code: 'ResourceExhausted' });
  assert.throws(() => parse(archive(extended('L', 'n'.repeat(40_000)), file)), { code: 'ResourceExhausted' });
  const runs = Buffer.from('99999999\n'.padEnd(512, '0'));
  const sparse = extended('x', record('GNU.sparse.major', '1') + record('GNU.sparse.minor', '0'));
  assert.throws(() => parse(archive(sparse, header({ size: 1 << 30 }), runs)), { code: 'ResourceExhausted' });
});

test('says where an archive was cut short', () => {
  const whole = archive(extended('x', record('path', 'long')), header({ size: 600 }), Buffer.alloc(1024));
  for (let length = 1; length < 1536 + 600; length++) {
    assert.throws(() => parse(whole.subarray(0, length)), { code: 'DataLoss', message: /cut short/ }, `${length}`);
  }
  assert.equal(parse(whole.subarray(0, 1536 + 600)).length, 1); // as Go: the last padding may be missing
  assert.throws(() => parse(whole.subarray(0, 1000)), /within a header/);
  assert.throws(() => parse(whole.subarray(0, 2000)), /within member "long"/);
});

test('an archive without its end, of one zero block, or of nothing is read as Go reads it', () => {
  assert.equal(parse(file).length, 1);
  assert.equal(parse(Buffer.concat([file, Buffer.alloc(512)])).length, 1);
  assert.equal(parse(Buffer.alloc(0)).length, 0);
});

test('what follows the end is counted and not read', () => {
  const parser = tarParser({ entry: () => assert.fail(), data() {}, endEntry() {} });
  parser.write(Buffer.concat([endOfArchive, file, Buffer.alloc(77)]));
  assert.deepEqual(parser.end(), { size: 1024 + 512 + 77 });
});

test('a parser that failed takes no more', () => {
  const parser = tarParser({ entry() {}, data() {}, endEntry() {} });
  assert.throws(() => parser.write(Buffer.alloc(512, 1)));
  assert.throws(() => parser.write(file), /after an error/);
  assert.throws(() => parser.end(), /after an error/);
});

test('a pax size wins over the header, so that nothing hides in the difference', () => {
  const hidden = header({ name: 'hidden' });
  const bytes = archive(extended('x', record('size', '512')), header({ size: 0 }), hidden, header({ name: 'seen' }));
  assert.deepEqual(
    parse(bytes).map(({ name }) => name),
    ['file', 'seen'],
  );
});

test('signed checksums, base-256 numbers, v7 directories and old prefixes are read', () => {
  const signed = header({}, [0, Buffer.of(0xe9, 0xe8)]);
  signed.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of signed) sum += byte > 127 ? byte - 256 : byte;
  signed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  assert.equal(parse(archive(signed))[0]?.name, '\udce9\udce8le');

  const big = header({}, [108, binary(5_000_000n, 8)], [136, binary(-86_400n, 12)], [SIZE, '           0']);
  const [entry] = parse(archive(big));
  assert.deepEqual([entry?.uid, entry?.mtime], [5_000_000, -86_400_000_000_000n]);

  const v7 = header({}, [0, 'olddir/'], [156, '\0'], [257, Buffer.alloc(250)]);
  assert.equal(parse(archive(v7))[0]?.type, 'directory');

  const gnu: [number, string] = [257, 'ustar  \0'];
  assert.equal(parse(archive(header({}, gnu, [345, 'some/where'])))[0]?.name, 'some/where/file'); // Go before 1.8
  assert.equal(parse(archive(header({}, gnu, [345, '13737373737\0'])))[0]?.name, 'file'); // an access time
  const star = header({}, [345, 'p'.repeat(131)], [476, '00000000000 00000000000 '], [508, 'tar\0']);
  assert.equal(parse(archive(star))[0]?.name, `${'p'.repeat(131)}/file`);
});

test('links, directories and devices have no data, whatever their size says', () => {
  const patch: [number, string] = [SIZE, '00000001000\0'];
  const bytes = archive(
    header({ type: 'hardlink', linkName: 'x' }, patch),
    header({ name: 'd/', type: 'directory' }, patch),
    header({ type: 'character', device: { major: 1, minor: 3 } }, patch),
    file,
  );
  assert.deepEqual(
    parse(bytes).map(({ size }) => size),
    [0, 0, 0, 0],
  );
});

test('global headers, deleted records and unknown keys change nothing', () => {
  const bytes = archive(
    extended('g', record('comment', '0123') + record('path', 'evil') + record('uid', '7')),
    extended('x', record('path', '') + record('VENDOR.thing', 'y') + record('atime', '1.5')),
    file,
  );
  assert.deepEqual(parse(bytes), [plain]);
});

test("bsdtar's attributes are read, and SCHILY's win over them", () => {
  const bytes = archive(
    extended(
      'x',
      record('LIBARCHIVE.xattr.user.a%3Db', Buffer.from([1, 0, 2]).toString('base64')) +
        record('LIBARCHIVE.xattr.user.c', Buffer.from('other').toString('base64')) +
        record('SCHILY.xattr.user.c', '\0\n\xff') +
        record('SCHILY.xattr.user.empty', ''),
    ),
    file,
  );
  assert.deepEqual(
    parse(bytes)[0]?.xattrs,
    new Map([
      ['user.a=b', Buffer.from([1, 0, 2])],
      ['user.c', Buffer.from([0, 0x0a, 0xff])],
      ['user.empty', Buffer.alloc(0)],
    ]),
  );
});
