import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { type ErrorCode, hasCode } from '../std/index.ts';
import { parseDescriptor } from './descriptor.ts';
import { digestOf } from './digest.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from './documents.ts';
import { parseImageConfig } from './image-config.ts';
import { checkLayoutFile } from './layout-file.ts';
import { isForeignLayerType, isLayerType, MediaType } from './media-types.ts';
import { parseStrictJson } from './strict-json.ts';

const DIGEST = digestOf('x');
const config = { mediaType: MediaType.ociConfig, digest: DIGEST, size: 1 };
const layer = { mediaType: MediaType.ociLayerGzip, digest: DIGEST, size: 1 };
const manifest = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests: [{ mediaType: MediaType.ociManifest, digest: DIGEST, size: 1 }],
};
const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function refuses(value: unknown, message: RegExp, mediaType?: string, code: ErrorCode = 'InvalidArgument'): void {
  assert.throws(
    () => parseManifest(bytesOf(value), mediaType),
    (error) => hasCode(error, code) && message.test((error as Error).message),
  );
}

test('a manifest and an index read as what they are, labelled or not', () => {
  const parsed = parseManifest(bytesOf(manifest), MediaType.ociManifest);
  assert.equal(parsed.kind, 'manifest');
  assert.deepEqual(parsed.kind === 'manifest' && parsed.manifest, manifest);
  assert.equal(parseManifest(bytesOf(index)).kind, 'index');
  const { mediaType: _, ...unlabelled } = manifest;
  assert.equal(parseManifest(bytesOf(unlabelled)).mediaType, MediaType.ociManifest);
  assert.equal(parseManifest(bytesOf(unlabelled), `${MediaType.ociManifest}; charset=utf-8`).kind, 'manifest');
  assert.equal(
    parseManifest(bytesOf({ ...manifest, mediaType: MediaType.dockerManifest, layers: null })).kind,
    'manifest',
  );
});

test('a document that could be two things is refused, both ways', () => {
  refuses({ ...manifest, manifests: index.manifests }, /ambiguous/);
  refuses({ ...index, layers: [layer] }, /ambiguous/);
  refuses({ ...index, config }, /ambiguous/);
  refuses({ ...manifest, manifests: null }, /ambiguous/);
  refuses(manifest, /was sent as .*index.*says .*manifest/, MediaType.ociIndex);
  refuses(index, /was sent as/, MediaType.ociManifest);
  refuses(manifest, /was sent as/, MediaType.dockerManifest);
  refuses({ ...manifest, mediaType: undefined }, /unlabelled/, MediaType.dockerManifest);
  refuses({ ...manifest, mediaType: undefined }, /unlabelled/, MediaType.ociIndex);
  refuses({ ...manifest, mediaType: MediaType.ociIndex }, /ambiguous/);
  refuses({ ...manifest, Manifests: index.manifests }, /"Manifests" for manifests/);
  refuses(JSON.stringify(manifest).replace('"layers"', '"layers":[],"layers"'), /key "layers" twice/);
  refuses(JSON.stringify(manifest).replace('"layers"', '"l\\u0061yers":[],"layers"'), /key "layers" twice/);
});

test('docker schema 1 is refused with what to do about it', () => {
  const body = { schemaVersion: 1, name: 'a', fsLayers: [] };
  refuses(body, /push the image again/, undefined, 'NotImplemented');
  refuses('{}', /push the image again/, 'application/vnd.docker.distribution.manifest.v1+prettyjws', 'NotImplemented');
});

test('sizes, digests, types and depth are checked, and the place is named', () => {
  refuses({ ...manifest, layers: [{ ...layer, size: -1 }] }, /layers\[0\]\.size/);
  refuses({ ...manifest, layers: [{ ...layer, size: 2 ** 53 }] }, /layers\[0\]\.size/);
  refuses({ ...manifest, layers: [{ ...layer, size: 0.5 }] }, /layers\[0\]\.size/);
  refuses(
    { ...manifest, layers: [{ ...layer, digest: 'sha256:../../etc/passwd' }] },
    /layers\[0\]\.digest: invalid digest/,
  );
  refuses({ ...manifest, config: undefined }, /config must be an object/);
  refuses({ ...manifest, schemaVersion: '2' }, /schemaVersion/);
  refuses({ ...manifest, mediaType: 'application/json' }, /unknown media type/);
  refuses({ ...manifest, annotations: { a: 1 } }, /annotations\["a"\]/);
  refuses({ ...manifest, extra: JSON.parse('['.repeat(40) + ']'.repeat(40)) }, /nested deeper/);
  refuses('['.repeat(1_000_000), /nested deeper/);
  refuses('[]', /must be an object/);
  refuses('\ufeff{}', /not valid JSON/);
  assert.throws(() => parseManifest(Buffer.from([0x22, 0xff, 0x22])), /UTF-8/);
  refuses(`"${'a'.repeat(MAX_MANIFEST_BYTES)}"`, /at most/, undefined, 'ResourceExhausted');
});

test('embedded data must be what the descriptor says', () => {
  const data = {
    mediaType: 'text/plain',
    digest: digestOf('hello'),
    size: 5,
    data: Buffer.from('hello').toString('base64'),
  };
  assert.equal(parseDescriptor(data).size, 5);
  assert.throws(() => parseDescriptor({ ...data, size: 4 }), /4 bytes/);
  assert.throws(
    () => parseDescriptor({ ...data, digest: DIGEST }),
    (error) => hasCode(error, 'DataLoss'),
  );
});

test('an image config keeps what it does not know, and its history may be missing', () => {
  const value = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [DIGEST] },
    'moby.buildkit.cache.v0': [1],
  };
  assert.deepEqual(parseImageConfig(bytesOf(value)), value);
  assert.deepEqual(parseImageConfig(bytesOf({ ...value, rootfs: { type: 'layers' } })).rootfs.diff_ids, []);
  assert.throws(
    () => parseImageConfig(bytesOf({ ...value, rootfs: { type: 'layers', diff_ids: ['sha256:x'] } })),
    /diff_ids\[0\]/,
  );
  assert.throws(() => parseImageConfig(bytesOf({ ...value, rootfs: { type: 'tree', diff_ids: [] } })), /rootfs\.type/);
  assert.throws(() => parseImageConfig(bytesOf({ ...value, config: { Cmd: 'sh' } })), /config\.Cmd must be an array/);
});

test('layer types are told from others', () => {
  for (const type of [MediaType.ociLayer, MediaType.ociLayerGzip, MediaType.ociLayerZstd, MediaType.dockerLayerGzip]) {
    assert.ok(isLayerType(type));
    assert.ok(!isForeignLayerType(type));
  }
  assert.ok(isForeignLayerType(MediaType.dockerForeignLayer));
  assert.ok(isForeignLayerType('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'));
  assert.ok(!isLayerType(MediaType.ociConfig));
});

test('strict JSON reads what JSON.parse reads, unless a key stands twice', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      let value: unknown;
      try {
        value = parseStrictJson(Buffer.from(text), 'it');
      } catch (error) {
        assert.match((error as Error).message, /twice|UTF-8/);
        return;
      }
      assert.deepEqual(value, JSON.parse(text));
    }),
  );
});

const CASES = fileURLToPath(new URL('../../../shared/cases/image-spec-schema-cases.json', import.meta.url));

test('the documents of image-spec are judged as its schema judges them', {
  skip: existsSync(CASES) ? false : `${CASES} is not there`,
}, () => {
  const cases = JSON.parse(readFileSync(CASES, 'utf8')) as { kind: string; json: string; fail: boolean }[];
  const readers: Record<string, (bytes: Buffer) => unknown> = {
    manifest: (bytes) => parseManifest(bytes, MediaType.ociManifest),
    imageIndex: (bytes) => parseManifest(bytes, MediaType.ociIndex),
    config: parseImageConfig,
    descriptor: (bytes) => parseDescriptor(parseStrictJson(bytes, 'descriptor')),
    imageLayout: checkLayoutFile,
  };
  for (const { kind, json, fail } of cases) {
    const read = (): unknown => readers[kind]?.(Buffer.from(json));
    // The schema allows any algorithm; this program those that it can verify.
    const foreignDigest = /"digest": "(?:sha256[+.]|multihash)/.test(json);
    if (fail) assert.throws(read, (error) => hasCode(error, 'InvalidArgument'), json);
    else if (foreignDigest) assert.throws(read, /invalid digest/, json);
    else assert.doesNotThrow(read, json);
  }
});
