import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decompress } from '../../src/compression/index.ts';
import { readToc } from '../../src/layer/index.ts';
import { parseImageConfig, parseManifest, parseReference } from '../../src/oci/index.ts';
import { EngineError } from '../../src/std/index.ts';
import { encodeEntry, endOfArchive, type TarEntry } from '../../src/tar/index.ts';
import { type Proof, randomNumbers } from './proof.ts';

/** Whatever bytes come: an answer or an EngineError, soon. Valid input with a few bytes changed reaches further than noise. */
export const fuzz: Proof = {
  count: 100_000,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    let refused = 0;
    for (let round = 0; round < count; round++) {
      const target = TARGETS[round % TARGETS.length] as Target;
      const input = mutate(target.sample, random);
      const began = Date.now();
      try {
        await target.feed(input);
      } catch (error) {
        if (!(error instanceof EngineError))
          throw new Error(`round ${round}, ${target.name}: ${input.toString('base64')}`, { cause: error });
        refused++;
      }
      if (Date.now() - began > SOON)
        throw new Error(`round ${round}, ${target.name}: took ${Date.now() - began} ms: ${input.toString('base64')}`);
      if ((round + 1) % 20_000 === 0) log(`  ${round + 1} rounds, ${refused} refused`);
      if (round % 1000 === 0) await sleep(0);
    }
  },
};

/** Milliseconds, on a machine that does other work too. */
const SOON = 2000;

interface Target {
  readonly name: string;
  readonly sample: Buffer;
  feed(input: Buffer): Promise<unknown>;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of stream);
}

const entry = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: '',
  groupName: '',
  size: 0,
  mtime: 0n,
  ...more,
});

const TAR = Buffer.concat([
  encodeEntry(entry('etc/', { type: 'directory' })),
  encodeEntry(entry('etc/link', { type: 'symlink', linkName: '../usr' })),
  encodeEntry(
    entry(`long/${'n'.repeat(200)}`, {
      mtime: 1_700_000_000_123_456_789n,
      xattrs: new Map([['user.x', Buffer.from([0, 255])]]),
    }),
  ),
  encodeEntry(entry('etc/.wh.gone')),
  encodeEntry(entry('hard', { type: 'hardlink', linkName: 'etc/link' })),
  endOfArchive,
]);
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${'a'.repeat(64)}`, size: 2 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: `sha256:${'b'.repeat(64)}`, size: 3 }],
  }),
);
const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${'c'.repeat(64)}`] },
    config: { Env: ['A=b'] },
  }),
);

const TARGETS: readonly Target[] = [
  { name: 'layer', sample: TAR, feed: (input) => readToc(once(input)) },
  { name: 'gzip', sample: gzipSync(TAR), feed: (input) => drain(decompress(once(input))) },
  { name: 'zstd', sample: zstdCompressSync(TAR), feed: (input) => drain(decompress(once(input))) },
  { name: 'manifest', sample: MANIFEST, feed: async (input) => parseManifest(input) },
  { name: 'config', sample: CONFIG, feed: async (input) => parseImageConfig(input) },
  {
    name: 'reference',
    sample: Buffer.from('registry.example.com:5000/team/app:1.0@sha256:'.concat('d'.repeat(64))),
    feed: async (input) => parseReference(input.toString('utf8')),
  },
];

/** The sample with one to four bytes changed, removed, doubled or cut off. */
function mutate(sample: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(sample);
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
    const at = Math.floor(random() * bytes.length);
    const kind = Math.floor(random() * 4);
    if (kind === 0) bytes[at] = Math.floor(random() * 256);
    else if (kind === 1)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 8))]);
    else if (kind === 2)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 512), at), bytes.subarray(at)]);
    else if (random() < 0.2) bytes = bytes.subarray(0, at);
  }
  return bytes;
}
