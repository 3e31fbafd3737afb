import assert from 'node:assert/strict';
import { type Digest, digestOf, MediaType } from '../../src/oci/index.ts';
import { type RunningRegistry, startRegistry, temporaryRegistryStorage } from '../../src/registry/index.ts';
import { type Proof, randomNumbers } from './proof.ts';

const CLIENTS = 8;
const REPOSITORIES = ['a', 'b', 'team/c', 'team/d'];
const LAYERS = 24;
const TAGS = 4;
const GRACE = 300;
const TRIES = 50;

/** A manifest that was pushed, and what has to be there while a tag leads to it. */
interface Tree {
  readonly digest: Digest;
  readonly size: number;
  readonly layers: readonly number[];
  readonly children: readonly Tree[];
  readonly referrers: Tree[];
}

/**
 * Clients push images, indexes and referrers, mount, move and delete tags, while collection runs without a pause: what a tag leads to is always
 * whole, and in the end nothing is there that no tag leads to. Each client has tags of its own; layers are everybody's.
 */
export const registryCollect: Proof = {
  count: 10_000,
  async run({ count, seed, log }) {
    const storage = await temporaryRegistryStorage();
    await using registry = await startRegistry({ storage });
    const pushed: [repository: string, digest: Digest][] = [];
    const tags = new Map<string, Tree>();
    let left = count;
    let done = 0;
    let collections = 0;
    let retries = 0;

    const client = async (number: number): Promise<void> => {
      const random = randomNumbers(seed * 31 + number);
      const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
      const ask = callerOf(registry);
      let serial = 0;

      const pushLayer = async (repository: string, layer: number): Promise<void> => {
        const content = layerOf(layer);
        const digest = digestOf(content);
        const way = random();
        if (way < 0.4 && (await ask('HEAD', `/v2/${repository}/blobs/${digest}`)).status === 200) return;
        const from = pick(REPOSITORIES);
        const mount =
          way < 0.7 ? await ask('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`) : undefined;
        if (mount?.status === 201) return;
        const put = await ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, content);
        assert.equal(put.status, 201, `blob: ${put.body}`);
      };
      /** Undefined where a part of it was collected before its manifest came, as is right after so short a grace. */
      const push = async (repository: string, tag: string | undefined, subject?: Tree): Promise<Tree | undefined> => {
        const isIndex = tag !== undefined && random() < 0.25;
        const children = isIndex ? [await push(repository, undefined), await push(repository, undefined)] : [];
        if (children.includes(undefined)) return undefined;
        const layers = isIndex ? [] : [Math.floor(random() * LAYERS), Math.floor(random() * LAYERS)];
        for (const layer of layers) await pushLayer(repository, layer);
        const more = {
          annotations: { by: `${number}.${serial++}` },
          ...(subject && { subject: descriptorOf(subject) }),
        };
        const document = isIndex ? indexOf(children as Tree[], more) : imageOf(layers, more);
        const body = JSON.stringify(document);
        const digest = digestOf(body);
        const answer = await ask('PUT', `/v2/${repository}/manifests/${tag ?? digest}`, body, document.mediaType);
        if (answer.status === 404) return undefined;
        assert.equal(answer.status, 201, `manifest: ${answer.body}`);
        pushed.push([repository, digest]);
        return { digest, size: body.length, layers, children: children as Tree[], referrers: [] };
      };
      const insist = async (repository: string, tag: string | undefined, subject?: Tree): Promise<Tree> => {
        for (let tries = 0; tries < TRIES; tries += 1) {
          const tree = await push(repository, tag, subject);
          if (tree) return tree;
          retries += 1;
        }
        throw new Error(`client ${number} could not push in ${TRIES} tries`);
      };

      while (left > 0) {
        left -= 1;
        const repository = pick(REPOSITORIES);
        const tag = `c${number}-${Math.floor(random() * TAGS)}`;
        const key = `${repository}:${tag}`;
        const tree = tags.get(key);
        const what = random();
        if (!tree || what < 0.4) tags.set(key, await insist(repository, tag));
        else if (what < 0.55) tree.referrers.push(await insist(repository, undefined, tree));
        else if (what < 0.65) {
          tags.delete(key);
          assert.equal((await ask('DELETE', `/v2/${repository}/manifests/${tag}`)).status, 202);
        } else if (what < 0.75) {
          tags.delete(key);
          assert.equal((await ask('DELETE', `/v2/${repository}/manifests/${tree.digest}`)).status, 202);
        } else await assertWhole(ask, repository, tree, tag);
        done += 1;
        if (done % 1000 === 0) log(`  ${done} of ${count}, ${collections} collections, ${retries} pushes begun again`);
      }
    };

    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
    let running = true;
    const stop = (): void => {
      running = false;
    };
    clients.then(stop, stop);
    while (running) {
      await registry.collect({ grace: GRACE, untagged: true, dryRun: collections % 10 === 9 });
      collections += 1;
    }
    await clients;
    const ask = callerOf(registry);
    for (const [key, tree] of tags) {
      const [repository, tag] = key.split(':') as [string, string];
      await assertWhole(ask, repository, tree, tag);
    }

    await registry.collect({ grace: 0, untagged: true });
    const alive = new Set<string>();
    const blobs = new Set<Digest>();
    const walk = (repository: string, tree: Tree): void => {
      alive.add(`${repository} ${tree.digest}`);
      for (const layer of tree.layers) blobs.add(digestOf(layerOf(layer)));
      for (const next of [...tree.children, ...tree.referrers]) walk(repository, next);
    };
    for (const [key, tree] of tags) walk(key.split(':')[0] as string, tree);
    for (const [repository, digest] of pushed) {
      const { status } = await ask('HEAD', `/v2/${repository}/manifests/${digest}`);
      assert.equal(status, alive.has(`${repository} ${digest}`) ? 200 : 404, `${repository} ${digest}`);
    }
    assert.deepEqual((await Array.fromAsync(storage.blobs.list())).sort(), [...blobs].sort(), 'bytes without a holder');
    assert.ok(collections > 0);
    log(`  ${pushed.length} manifests pushed, ${alive.size} in reach at the end, ${collections} collections meanwhile`);
  },
};

/** Manifest, layers, children, and every referrer that was acknowledged. */
async function assertWhole(ask: Ask, repository: string, tree: Tree, reference: string = tree.digest): Promise<void> {
  const { status, body } = await ask('GET', `/v2/${repository}/manifests/${reference}`);
  assert.equal(status, 200, `${repository}:${reference}: ${body}`);
  assert.equal(digestOf(body), tree.digest);
  for (const layer of tree.layers) {
    const digest = digestOf(layerOf(layer));
    const answer = await ask('GET', `/v2/${repository}/blobs/${digest}`);
    assert.equal(answer.status, 200, `${repository}:${reference}: layer ${digest}`);
    assert.equal(digestOf(answer.body), digest);
  }
  for (const child of tree.children) await assertWhole(ask, repository, child);
  if (tree.referrers.length === 0) return;
  const listed = JSON.parse((await ask('GET', `/v2/${repository}/referrers/${tree.digest}`)).body.toString()) as {
    manifests: { digest: Digest }[];
  };
  const found = new Set(listed.manifests.map(({ digest }) => digest));
  for (const referrer of tree.referrers) {
    assert.ok(found.has(referrer.digest), `${repository}:${reference}: referrer ${referrer.digest}`);
    await assertWhole(ask, repository, referrer);
  }
}

type Ask = (method: string, path: string, body?: string, type?: string) => Promise<{ status: number; body: Buffer }>;

function callerOf({ url }: RunningRegistry): Ask {
  return async (method, path, body, type) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body !== undefined && { body }),
      ...(type !== undefined && { headers: { 'content-type': type } }),
    });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  };
}

function layerOf(number: number): string {
  return `layer ${number} `.repeat(20 + number);
}

function descriptorOf({ digest, size }: Tree): object {
  return { mediaType: MediaType.ociManifest, digest, size };
}

function indexOf(children: readonly Tree[], more: object): { mediaType: string } {
  const value = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: children.map(descriptorOf), ...more };
  return value;
}

function imageOf(layers: readonly number[], more: object): { mediaType: string } {
  const [config, ...rest] = layers.map((layer) => ({
    digest: digestOf(layerOf(layer)),
    size: layerOf(layer).length,
  }));
  const value = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, ...config },
    layers: rest.map((layer) => ({ mediaType: MediaType.ociLayer, ...layer })),
    ...more,
  };
  return value;
}
