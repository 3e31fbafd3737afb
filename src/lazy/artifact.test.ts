import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { readSpan } from '../compression/index.ts';
import { type Descriptor, type Digest, describe, digestOf, type Manifest, MediaType } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { indexArtifact, readIndexArtifact } from './artifact.ts';
import { indexLayer } from './index-layer.ts';
import { decodeSpans } from './spans-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'strata-lazy-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const tar = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(9_000_000, 'ab'), Buffer.alloc(1024)]);
const file = fileTar('data', tar);
const diffID = digestOf(file);
const blob = gzipSync(file);
const layer: Descriptor = describe(blob, MediaType.ociLayerGzip);

test('a layer is indexed in one pass, and its spans can be read by what the index says', async () => {
  const { spans, toc } = await indexLayer(stream(blob), layer, { diffID, folder });
  assert.ok(toc.length > 0);
  const decoded = decodeSpans(spans, layer, diffID);
  assert.equal(decoded.size, file.length);
  assert.ok(decoded.spans.length >= 3);
  for (const span of decoded.spans) {
    const content = await readSpan(decoded.compression, span, blob.subarray(span.from, span.to));
    assert.ok(content.equals(file.subarray(span.offset, span.offset + span.length)));
  }
});

test('a layer that is not what the config names is not indexed', async () => {
  const other = digestOf('other');
  await assert.rejects(indexLayer(stream(blob), layer, { diffID: other, folder }), { code: 'DataLoss' });
});

test('a large zstd layer of one frame is refused with what to do', async () => {
  const large = fileTar('zeros', Buffer.alloc(80 << 20));
  const one = zstdCompressSync(large);
  const how = { diffID: digestOf(large), folder };
  await assert.rejects(indexLayer(stream(one), describe(one, MediaType.ociLayerZstd), how), {
    code: 'NotImplemented',
    message: /many frames/,
  });
});

test('an index names for each layer what is to be fetched, and belongs to one image', async () => {
  const made = await indexLayer(stream(blob), layer, { diffID, folder });
  const config = describe(Buffer.from('{}'), MediaType.ociConfig);
  const manifest: Manifest = { schemaVersion: 2, config, layers: [layer] };
  const subject = describe(Buffer.from('image'), MediaType.ociManifest);
  const { bytes, blobs } = indexArtifact(subject, [made]);
  const [found] = readIndexArtifact(bytes, { digest: subject.digest, manifest });
  assert.deepEqual(blobs.get(found?.toc.digest as Digest), made.toc);
  assert.deepEqual(blobs.get(found?.spans.digest as Digest), made.spans);
  assert.throws(() => readIndexArtifact(bytes, { digest: digestOf('another'), manifest }), isDataLoss);
  const stranger = { ...manifest, layers: [layer, { ...layer, digest: digestOf('unknown') }] };
  assert.throws(() => readIndexArtifact(bytes, { digest: subject.digest, manifest: stranger }), isDataLoss);
});

test('spans that lead out of the blob, overlap windows or claim other layers are refused', async () => {
  const { spans } = await indexLayer(stream(blob), layer, { diffID, folder });
  const text = zstdDecompressSync(spans);
  const end = text.indexOf(10);
  const changed = (change: (header: { rows: unknown[][]; size: number }) => void): Buffer => {
    const header = JSON.parse(text.toString('utf8', 0, end));
    change(header);
    return zstdCompressSync(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), text.subarray(end + 1)]));
  };
  const row = (at: number, value: unknown) =>
    changed(({ rows }) => {
      (rows[1] as unknown[])[at] = value;
    });
  const hostile = [
    row(0, -1),
    row(0, 2 ** 40),
    row(0, 1.5),
    row(1, -5),
    row(2, layer.size + 1),
    row(3, 9),
    row(4, 40_000),
    row(4, 'x'),
    row(5, '../../etc'),
    changed((header) => header.size++),
    changed((header) => {
      header.rows = null as never;
    }),
    spans.subarray(0, spans.length >> 1),
    Buffer.from('nothing'),
  ];
  for (const bytes of hostile) assert.throws(() => decodeSpans(bytes, layer, diffID), isDataLoss);
  assert.throws(() => decodeSpans(spans, layer, digestOf('other')), isDataLoss);
});

async function* stream(bytes: Buffer): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += 1 << 18) yield bytes.subarray(at, at + (1 << 18));
}

/** A ustar archive of one file. */
function fileTar(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc(-content.length & 511), Buffer.alloc(1024)]);
}

function isDataLoss(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'DataLoss';
}
