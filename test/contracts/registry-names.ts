import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type Digest, digestOf, MediaType } from '../../src/oci/index.ts';
import type { CollectNames, NameStorage, NewManifest } from '../../src/registry/index.ts';

/** What every {@link NameStorage} does. `open` gives an empty one. */
export function registryNamesContract(name: string, open: () => Promise<NameStorage>): void {
  describe(`names: ${name}`, () => {
    test('a manifest that needs what is missing changes nothing', async () => {
      await using names = await open();
      const needed = { kind: 'blob', digest: digestOf('layer'), size: 5 } as const;
      const elsewhere = { kind: 'blob', digest: digestOf('foreign'), size: 7, optional: true } as const;
      const manifest = manifestOf('{"a":1}', [needed, elsewhere]);
      assert.deepEqual(await names.putManifest('a', manifest, 'v1'), [needed]);
      await names.linkBlob('b', needed.digest, 5);
      assert.deepEqual(
        await names.putManifest('a', manifest, 'v1'),
        [needed],
        "another repository's blob is not this one's",
      );
      assert.equal(await names.findManifest('a', 'v1'), undefined);
      await names.linkBlob('a', needed.digest, 5);
      assert.deepEqual(await names.putManifest('a', manifest, 'v1'), []);
    });

    test('pushes, moves and deletes of tags and manifests do what a model does', async () => {
      const contents = ['{"n":1}', '{"n":2}', '{"n":3}'];
      const command = fc.record({
        verb: fc.constantFrom('push', 'untag', 'delete'),
        repository: fc.constantFrom('a', 'b'),
        tag: fc.constantFrom('x', 'Y', 'z'),
        content: fc.constantFrom(...contents),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
          await using names = await open();
          const tags = new Map<string, Digest>();
          const held = new Set<string>();
          for (const { verb, repository, tag, content } of commands) {
            const manifest = manifestOf(content);
            const [tagKey, heldKey] = [`${repository} ${tag}`, `${repository} ${manifest.digest}`];
            if (verb === 'push') {
              await names.putManifest(repository, manifest, tag);
              tags.set(tagKey, manifest.digest);
              held.add(heldKey);
            } else if (verb === 'untag') {
              assert.equal(await names.removeTag(repository, tag), tags.delete(tagKey));
            } else {
              assert.equal(await names.removeManifest(repository, manifest.digest), held.delete(heldKey));
              for (const [key, digest] of tags)
                if (key.startsWith(`${repository} `) && digest === manifest.digest) tags.delete(key);
            }
          }
          for (const repository of ['a', 'b']) {
            for (const tag of ['x', 'Y', 'z']) {
              assert.equal((await names.findManifest(repository, tag))?.digest, tags.get(`${repository} ${tag}`));
            }
            for (const content of contents) {
              const { digest } = manifestOf(content);
              assert.equal(
                (await names.findManifest(repository, digest)) !== undefined,
                held.has(`${repository} ${digest}`),
              );
            }
            const listed = (await names.listTags(repository, { limit: 10 })) ?? [];
            assert.deepEqual(
              listed,
              ['x', 'Y', 'z'].filter((tag) => tags.has(`${repository} ${tag}`)),
            );
          }
          const repositories = ['a', 'b'].filter((repository) =>
            [...held].some((key) => key.startsWith(`${repository} `)),
          );
          assert.deepEqual(await names.listRepositories({ limit: 10 }), repositories);
        }),
        { numRuns: 60 },
      );
    });

    test('a quota is kept by links, mounts and manifests, whoever comes at once', async () => {
      await using names = await open();
      const rules = { quota: 10 };
      const [six, seven] = [digestOf('six'), digestOf('seven')];
      const outcomes = await Promise.allSettled([
        names.linkBlob('a', six, 6, rules),
        names.linkBlob('a', seven, 7, rules),
      ]);
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      await names.linkBlob('b', seven, 7);
      await names.linkBlob('a', six, 6, rules); // is there already
      assert.equal(await names.usageOf('a'), 6);
      await assert.rejects(names.mountBlob('b', 'a', seven, rules), { code: 'ResourceExhausted', used: 6, quota: 10 });
      await assert.rejects(names.putManifest('a', manifestOf('{"a":1}'), 'v1', rules), { code: 'ResourceExhausted' });
      assert.deepEqual(await names.putManifest('a', manifestOf('{}'), 'v1', rules), []);
      assert.equal(await names.mountBlob('none', 'a', seven, rules), false);
      assert.equal(await names.unlinkBlob('a', six), true);
      assert.equal(await names.mountBlob('b', 'a', seven, rules), true);
    });

    test('an immutable tag stays, its manifest too', async () => {
      await using names = await open();
      const rules = { isImmutable: (tag: string) => tag === 'v1' };
      const [one, two] = [manifestOf('{"n":1}'), manifestOf('{"n":2}')];
      const outcomes = await Promise.allSettled(
        [one, two].map((manifest) => names.putManifest('a', manifest, 'v1', rules)),
      );
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      const { digest } = (await names.findManifest('a', 'v1')) ?? {};
      const [held, other] = digest === one.digest ? [one, two] : [two, one];
      await names.putManifest('a', held, 'v1', rules);
      await assert.rejects(names.putManifest('a', other, 'v1', rules), { code: 'PermissionDenied' });
      await assert.rejects(names.removeManifest('a', held.digest, rules), { code: 'PermissionDenied' });
      await names.putManifest('a', other, 'v2', rules);
      assert.equal(await names.removeManifest('a', other.digest, rules), true);
    });

    test('collection takes what nothing leads to, in one repository at one moment', async () => {
      await using names = await open();
      const all: CollectNames = { before: Date.now() + 60_000, untagged: true, dryRun: false };
      const layer = digestOf('layer');
      for (const repository of ['a', 'b']) await names.linkBlob(repository, layer, 5);
      const child = manifestOf('{"child":1}', [{ kind: 'blob', digest: layer, size: 5 }]);
      await names.putManifest('a', child);
      await names.putManifest('a', { ...manifestOf('{"refers":1}'), subject: child.digest });
      const index = manifestOf('{"index":1}', [{ kind: 'child', digest: child.digest, size: child.size }]);
      await names.putManifest('a', index, 'v1');
      const nothing = { tags: [], manifests: [], blobs: [] };
      assert.deepEqual(await names.collectRepository('a', all), nothing);
      assert.equal(await names.removeTag('a', 'v1'), true);
      assert.deepEqual(await names.collectRepository('a', { ...all, untagged: false }), nothing);
      assert.deepEqual(await names.collectRepository('a', { ...all, before: 0 }), nothing, 'all of it is younger');
      const planned = await names.collectRepository('a', { ...all, dryRun: true });
      assert.ok(await names.findManifest('a', index.digest));
      const done = await names.collectRepository('a', all);
      assert.deepEqual(done, planned);
      assert.deepEqual([done.manifests.length, done.blobs], [3, [{ digest: layer, size: 5 }]]);
      assert.equal(await names.findManifest('a', index.digest), undefined);
      assert.deepEqual(await names.listHolders({ limit: 5 }), ['b']);
      assert.equal(await names.countHolders(layer), 1);
      assert.equal(await names.collectManifests(), 3);
      assert.equal(await names.collectManifests(), 0);
      assert.equal(await names.readManifest(child.digest), undefined);
    });

    test('tags that expire are chosen with what is known of them', async () => {
      await using names = await open();
      const [one, two] = [manifestOf('{"n":1}'), manifestOf('{"n":2}')];
      await names.putManifest('a', one, 'one');
      await names.putManifest('a', two, 'two');
      names.recordPull('a', one.digest);
      let seen: unknown;
      const { tags, manifests } = await names.collectRepository('a', {
        before: Date.now() + 60_000,
        untagged: true,
        dryRun: false,
        expire: (found) => {
          seen = found.map(({ name, digest, pulled }) => [name, digest, pulled !== undefined]);
          return ['two'];
        },
      });
      assert.deepEqual(seen, [
        ['one', one.digest, true],
        ['two', two.digest, false],
      ]);
      assert.deepEqual([tags, manifests], [['two'], [{ digest: two.digest, size: two.size }]]);
      assert.deepEqual(await names.listTags('a', { limit: 5 }), ['one']);
    });

    test('what is held or claimed is not condemned, and what is condemned is not claimed', async () => {
      await using names = await open();
      const [held, claimed, free] = [digestOf('held'), digestOf('claimed'), digestOf('free')];
      await names.linkBlob('a', held, 4);
      {
        using _first = await names.claimBlob(claimed);
        using _second = await names.claimBlob(claimed);
        _first[Symbol.dispose]();
        assert.deepEqual(await names.condemnBlobs([held, claimed, free]), [free]);
      }
      const waiting = names.claimBlob(free);
      assert.equal(await Promise.race([waiting, sleep(30)]), undefined);
      await names.absolveBlobs([free]);
      using _claim = await waiting;
      assert.deepEqual(await names.condemnBlobs([free, claimed]), [claimed]);
      await names.absolveBlobs([claimed]);
    });

    test('a blob that is looked at counts as linked now', async () => {
      await using names = await open();
      const digest = digestOf('layer');
      await names.linkBlob('a', digest, 5);
      await sleep(20);
      const between = Date.now();
      await sleep(20);
      await names.touchBlob('a', digest, between);
      const { blobs } = await names.collectRepository('a', { before: between, untagged: true, dryRun: false });
      assert.deepEqual(blobs, []);
    });
  });
}

function manifestOf(text: string, requires: NewManifest['requires'] = []): NewManifest {
  const content = Buffer.from(text);
  return { digest: digestOf(content), mediaType: MediaType.ociManifest, size: content.length, content, requires };
}
