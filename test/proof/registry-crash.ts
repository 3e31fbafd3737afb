import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, digestOf } from '../../src/oci/index.ts';
import { type RunningRegistry, startRegistry } from '../../src/registry/index.ts';
import { type Caller, callerOf } from '../conformance/caller.ts';
import { kill, startChild } from '../conformance/registry-process.ts';
import { type Proof, randomNumbers } from './proof.ts';

const REPOSITORY = 'crash/test';
const LOOK_EVERY = 20;
const KEPT = 60;

/**
 * A registry is killed again and again while clients push and delete and it collects: every push that it acknowledged is whole, every delete
 * has happened, and a push that it did not acknowledge is whole or not there.
 */
export const registryCrash: Proof = {
  count: 200,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    const folder = await mkdtemp(join(tmpdir(), 'overstrata-registry-crash-'));
    try {
      const state: Known = { pushed: new Map(), deleted: new Set() };
      for (let round = 1; round <= count; round += 1) {
        const { child, call } = await startChild(folder);
        const working = [work(call, state, random), work(call, state, random)];
        await sleep(20 + random() * 150);
        await kill(child, 'SIGKILL');
        await Promise.all(working);
        if (round % LOOK_EVERY !== 0 && round !== count) continue;
        await using registry = await startRegistry({ folder, limits: { uploadLife: 0 } });
        await assertKept(registry, state);
        log(`  ${round} kills, ${state.pushed.size} images acknowledged and held, ${state.deleted.size} deleted`);
      }
      assert.ok(state.pushed.size > 0);
      await using registry = await startRegistry({ folder, limits: { uploadLife: 0 } });
      await registry.collect({ grace: 0, untagged: true });
      await assertKept(registry, state);
      assert.deepEqual(await readdir(join(folder, 'uploads')), [], 'dead uploads are swept');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

interface Known {
  readonly pushed: Map<string, { layer: Digest; manifest: Digest }>;
  readonly deleted: Set<string>;
}

/** Pushes and deletes until the registry is gone. */
async function work(call: Caller, { pushed, deleted }: Known, random: () => number): Promise<void> {
  const mark = Math.floor(random() * 1e9).toString(36);
  for (let count = 0; ; count += 1) {
    const tag = `${mark}-${count}`;
    try {
      const layer = randomBytes(20_000 + Math.floor(random() * 500_000));
      const { layer: digest, manifest } = await call.image(REPOSITORY, tag, layer);
      pushed.set(tag, { layer: digest, manifest });
      // One that others may not be deleting at this moment.
      const oldest = pushed.size > KEPT ? [...pushed.keys()][0] : undefined;
      if (oldest === undefined) continue;
      pushed.delete(oldest); // from here on it may be there or not
      const { status } = await call('DELETE', `/v2/${REPOSITORY}/manifests/${oldest}`);
      if (status === 202) deleted.add(oldest);
    } catch {
      return;
    }
  }
}

async function assertKept({ url }: RunningRegistry, { pushed, deleted }: Known): Promise<void> {
  const call = callerOf(url);
  const at = `/v2/${REPOSITORY}`;
  for (const [tag, { layer, manifest }] of pushed) {
    assert.equal(digestOf((await call('GET', `${at}/manifests/${tag}`)).body), manifest, tag);
    assert.equal(digestOf((await call('GET', `${at}/blobs/${layer}`)).body), layer, tag);
  }
  const { tags } = (await call('GET', `${at}/tags/list`)).json<{ tags: string[] }>();
  for (const tag of tags) {
    assert.ok(!deleted.has(tag), `${tag} was deleted`);
    if (pushed.has(tag)) continue;
    const { layers } = (await call('GET', `${at}/manifests/${tag}`)).json<{ layers: { digest: Digest }[] }>();
    const blob = layers[0]?.digest as Digest;
    assert.equal(digestOf((await call('GET', `${at}/blobs/${blob}`)).body), blob, tag);
  }
}
