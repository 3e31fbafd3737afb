import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import test from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { type ByteStream, EngineError } from '../std/index.ts';
import { BZIP2, throughProgram } from './host-program.ts';
import { compressLayer, type DecompressOptions, decompress, detectCompression } from './index.ts';

/** Something like a layer: text, noise and zeros. */
function sample(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const line = Buffer.from('drwxr-xr-x root root /usr/share/doc/overstrata\n');
  for (let at = 0; at < size; at += 97) {
    if (at % 10 < 5) line.copy(bytes, at);
    else createHash('sha1').update(String(at)).digest().copy(bytes, at);
  }
  return bytes;
}

async function* chunksOf(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

async function collect(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const inflate = (bytes: Uint8Array, step = 65_536, options: DecompressOptions = {}) =>
  collect(decompress(chunksOf(bytes, step), options));

const PROGRAMS = {
  gzip: '/bin/gzip',
  pigz: '/usr/bin/pigz',
  zstd: '/usr/bin/zstd',
  pzstd: '/usr/bin/pzstd',
  bzip2: '/usr/bin/bzip2',
  xz: '/usr/bin/xz',
};
const without = (name: keyof typeof PROGRAMS) => (existsSync(PROGRAMS[name]) ? false : `needs ${PROGRAMS[name]}`);
function pipeThrough(name: keyof typeof PROGRAMS, args: string[], input: Buffer): Buffer {
  const { status, stdout, stderr } = spawnSync(PROGRAMS[name], args, { input, maxBuffer: 1e8 });
  assert.equal(status, 0, stderr.toString());
  return stdout;
}

test('compressions are told by their first six bytes', () => {
  const by = (bytes: Uint8Array) => detectCompression(bytes.subarray(0, 6));
  assert.equal(by(zlib.gzipSync('x')), 'gzip');
  assert.equal(by(zlib.zstdCompressSync('x')), 'zstd');
  assert.equal(by(Buffer.from('502a4d18040000', 'hex')), 'zstd');
  assert.equal(by(Buffer.from('425a68393141', 'hex')), 'bzip2');
  assert.equal(by(Buffer.from('425a68391772', 'hex')), 'bzip2');
  assert.equal(by(Buffer.from('fd377a585a00', 'hex')), 'xz');
  for (const text of ['', 'B', 'BZh9', 'BZhere', 'usr/bin', '\x1f\x8b'])
    assert.equal(by(Buffer.from(text, 'latin1')), 'none');
});

test('what is compressed decompresses equal, in chunks of any size, and equally to the same bytes', async () => {
  const bytes = sample(9_000_000);
  for (const format of ['gzip', 'zstd'] as const) {
    const packed = await collect(compressLayer(chunksOf(bytes, 100_003), { format }));
    assert.ok((await collect(compressLayer(chunksOf(bytes, 1 << 20), { format }))).equals(packed));
    assert.ok(packed.length < bytes.length / 1.5);
    for (const step of [7777, 1 << 20, packed.length]) assert.ok((await inflate(packed, step)).equals(bytes));
  }
});

test('lengths around a block, and none at all', async () => {
  for (const format of ['gzip', 'zstd'] as const) {
    for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 4 << 20]) {
      const bytes = Buffer.alloc(size, 'layer');
      assert.ok((await inflate(await collect(compressLayer(chunksOf(bytes, 1 << 20), { format })))).equals(bytes));
    }
  }
});

test('the gzip header tells nothing of time or place, and one member holds everything', async () => {
  const bytes = sample(3_000_000);
  const packed = await collect(compressLayer(chunksOf(bytes, 50_000)));
  assert.equal(packed.toString('hex', 0, 10), '1f8b08000000000000ff');
  const web = new Response(packed).body?.pipeThrough(new DecompressionStream('gzip')); // stops after the first member
  assert.ok((await collect(web as unknown as ByteStream)).equals(bytes));
});

for (const name of ['gzip', 'pigz'] as const) {
  test(`${name} reads our gzip and we read its`, { skip: without(name) }, async () => {
    const bytes = sample(5_000_000);
    const packed = await collect(compressLayer(chunksOf(bytes, 1 << 20)));
    assert.ok(pipeThrough(name, ['-dc'], packed).equals(bytes));
    assert.ok((await inflate(pipeThrough(name, ['-c'], bytes))).equals(bytes));
  });
}

test('zstd reads our frames and we read its', { skip: without('zstd') }, async () => {
  const bytes = sample(9_000_000);
  const packed = await collect(compressLayer(chunksOf(bytes, 1 << 20), { format: 'zstd' }));
  assert.ok(pipeThrough('zstd', ['-dc'], packed).equals(bytes));
  for (const args of [
    ['-c'],
    ['-c', '--no-check'],
    ['-19', '--long=27', '-c'],
    ['-1', '--format=zstd', '-B100000', '-T2', '-c'],
  ]) {
    const theirs = pipeThrough('zstd', args, bytes.subarray(0, 2_000_000));
    assert.ok((await inflate(theirs, 3333)).equals(bytes.subarray(0, 2_000_000)), args.join(' '));
  }
});

test('pzstd streams, of many frames and skippable ones, are read whole', { skip: without('pzstd') }, async () => {
  const bytes = sample(6_000_000);
  assert.ok((await inflate(pipeThrough('pzstd', ['-p', '4', '-c'], bytes), 10_000)).equals(bytes));
});

for (const name of ['bzip2', 'xz'] as const) {
  test(`${name} is read through the host's program`, { skip: without(name) }, async () => {
    const bytes = sample(700_000);
    const packed = pipeThrough(name, ['-c'], bytes);
    assert.ok((await inflate(packed)).equals(bytes));
    await assert.rejects(inflate(packed.subarray(0, packed.length - 9)), { code: 'DataLoss' });
    const early = decompress(chunksOf(packed, 100));
    await early.next();
    await early.return(); // leaves no process
  });
}

test('a host program that is missing is named, with what to install', async () => {
  await assert.rejects(collect(throughProgram(BZIP2, chunksOf(Buffer.from('x'), 1), ['/nowhere'])), {
    code: 'Unavailable',
    message: /apt-get install bzip2/,
  });
});

test('plain bytes pass as they are', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('abc'), sample(200_000)])
    assert.ok((await inflate(bytes, 1000)).equals(bytes));
});

test('gzip: many members and zero padding are read; garbage, damage and a cut are refused', async () => {
  const bytes = sample(300_000);
  const members = Buffer.concat(
    [0, 1, 2].map((index) => zlib.gzipSync(bytes.subarray(index * 1e5, (index + 1) * 1e5))),
  );
  for (const step of [1000, 1 << 20]) {
    assert.ok((await inflate(members, step)).equals(bytes));
    assert.ok((await inflate(Buffer.concat([members, Buffer.alloc(5000)]), step)).equals(bytes));
    for (const [rest, message] of [
      [Buffer.from('trailing'), /damaged|belong to nothing/],
      [Buffer.concat([Buffer.alloc(3000), Buffer.from('x')]), /belong to nothing/],
      [zlib.gzipSync('more').subarray(0, 7), /cut short/],
    ] as const) {
      await assert.rejects(inflate(Buffer.concat([members, rest]), step), { code: 'DataLoss', message });
    }
  }
  for (const length of [3, 10, 500, members.length - 1]) {
    await assert.rejects(inflate(members.subarray(0, length), 1000), { code: 'DataLoss', message: /cut short/ });
  }
  const flipped = Buffer.from(members);
  flipped[members.length - 6] = (flipped[members.length - 6] as number) ^ 1; // the last member's checksum
  await assert.rejects(inflate(flipped), { code: 'DataLoss' });
});

test('a member that ends where a chunk ends is no end', async () => {
  const first = zlib.gzipSync('one ');
  async function* source() {
    yield first;
    yield zlib.gzipSync('two');
    yield Buffer.alloc(512);
  }
  assert.equal((await collect(decompress(source()))).toString(), 'one two');
});

const frame = fc
  .record({
    size: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 400_000 })),
    noise: fc.boolean(),
    checked: fc.boolean(),
    sized: fc.boolean(),
    skip: fc.boolean(),
  })
  .map(({ size, noise, checked, sized, skip }) => {
    if (skip) {
      const bytes = Buffer.alloc(8 + (size % 3000));
      bytes.writeUInt32LE(0x184d2a50 + (size % 16), 0);
      bytes.writeUInt32LE(size % 3000, 4);
      return { bytes, content: Buffer.alloc(0) };
    }
    const content = noise ? randomBytes(size) : Buffer.alloc(size, 'abc');
    const params = { [zlib.constants.ZSTD_c_checksumFlag]: checked ? 1 : 0 };
    const bytes = zlib.zstdCompressSync(content, { params, ...(sized && { pledgedSrcSize: size }) });
    return { bytes, content };
  });

test('zstd: every frame is read, however frames and chunks fall', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 50, max: 500_000 }),
      async (frames, step) => {
        const packed = Buffer.concat(frames.map(({ bytes }) => bytes));
        assert.ok((await inflate(packed, step)).equals(Buffer.concat(frames.map(({ content }) => content))));
      },
    ),
    { numRuns: 60 },
  );
});

test('zstd: damage, a cut, garbage, dictionaries and wide windows are refused', async () => {
  const bytes = sample(400_000);
  const packed = zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
  const twice = Buffer.concat([packed, packed]);
  for (const length of [5, packed.length - 1, packed.length + 3, twice.length - 2]) {
    await assert.rejects(inflate(twice.subarray(0, length)), { code: 'DataLoss', message: /cut short/ });
  }
  await assert.rejects(inflate(Buffer.concat([packed, Buffer.from('junk')])), {
    code: 'DataLoss',
    message: /no frame begins/,
  });
  const flipped = Buffer.from(packed);
  flipped[packed.length - 1] = (flipped[packed.length - 1] as number) ^ 1;
  await assert.rejects(inflate(flipped), { code: 'DataLoss' });
  const small = zlib.zstdCompressSync('small', {
    pledgedSrcSize: 5,
    params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 },
  });
  small[small.length - 1] = (small[small.length - 1] as number) ^ 1;
  await assert.rejects(inflate(small), { code: 'DataLoss' });

  const magic = '28b52ffd';
  const header = (hex: string) => Buffer.from(`${magic}${hex}010000`, 'hex');
  await assert.rejects(inflate(header('0090')), { code: 'ResourceExhausted', message: /window of 268435456/ });
  await assert.rejects(inflate(header('e000000000ff000000')), { code: 'ResourceExhausted' });
  await assert.rejects(inflate(header('010007')), { code: 'InvalidArgument', message: /dictionary/ });
  assert.equal((await inflate(header('0088'))).length, 0); // 128 MiB is allowed
});

test('bombs are stopped by size and by ratio, not by how long they are', async () => {
  const bomb = zlib.gzipSync(Buffer.alloc(20 << 20));
  await assert.rejects(inflate(bomb, 4096, { limits: { maxBytes: 5 << 20 } }), { code: 'ResourceExhausted' });
  await assert.rejects(inflate(bomb, 4096, { limits: { ratioFrom: 4 << 20 } }), {
    code: 'ResourceExhausted',
    message: /bomb/,
  });
  assert.equal((await inflate(bomb)).length, 20 << 20); // small enough to be an honest file of zeros
  const members = Buffer.concat(Array.from({ length: 5 }, () => bomb));
  let seen = 0;
  await assert.rejects(async () => {
    for await (const chunk of decompress(chunksOf(members, 4096), { limits: { ratioFrom: 8 << 20 } }))
      seen += chunk.length;
  });
  assert.ok(seen <= 9 << 20);
});

test('an abort passes untouched, even while the source is silent', async () => {
  const reason = new Error('enough');
  const abort = new AbortController();
  async function* silent(): AsyncGenerator<Uint8Array> {
    yield zlib.gzipSync(sample(100_000)).subarray(0, 5000);
    await new Promise(() => {});
  }
  setTimeout(() => abort.abort(reason), 20);
  await assert.rejects(collect(decompress(silent(), { signal: abort.signal })), (error) => error === reason);
  await assert.rejects(collect(compressLayer(silent(), { signal: abort.signal })), (error) => error === reason);
});

test('a source that fails passes its own error on, and one that is left is closed', async () => {
  const failure = new EngineError('Unavailable', 'the line went dead');
  let closed = 0;
  for (const packed of [
    zlib.gzipSync(sample(3_000_000)),
    zlib.zstdCompressSync(sample(3_000_000)),
    sample(3_000_000),
  ]) {
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* chunksOf(packed.subarray(0, packed.length / 2), 50_000);
        throw failure;
      } finally {
        closed++;
      }
    }
    await assert.rejects(collect(decompress(source())), (error) => error === failure);
    const early = decompress(source());
    await early.next();
    await early.return();
  }
  assert.equal(closed, 6);
});

test('damage at random gives an EngineError or other bytes, and never hangs', async () => {
  const packed = [
    zlib.gzipSync(sample(20_000)),
    Buffer.concat([zlib.zstdCompressSync(sample(20_000)), zlib.zstdCompressSync('x', { pledgedSrcSize: 1 })]),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...packed),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 5 }),
      async (sound, changes) => {
        const bytes = Buffer.from(sound);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        await inflate(bytes, 3000).catch((error: unknown) => assert.ok(error instanceof EngineError, String(error)));
      },
    ),
    { numRuns: 200 },
  );
});

test('what is not compressed comes through in its own buffers, which stay usable', async () => {
  const ring = [0, 1, 2, 3].map(() => Buffer.allocUnsafeSlow(2 ** 18));
  async function* reusing(): AsyncGenerator<Uint8Array> {
    for (let turn = 0; turn < 9; turn++) yield (ring[turn % ring.length] as Buffer).fill(turn);
  }
  const seen: (number | undefined)[] = [];
  for await (const chunk of decompress(reusing(), { transient: true })) seen.push(chunk.at(-1));
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
