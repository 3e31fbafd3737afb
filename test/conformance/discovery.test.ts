import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Digest, digestOf, MediaType } from '../../src/oci/index.ts';
import type { RunningRegistry } from '../../src/registry/index.ts';
import { type Caller, callerOf, type Image, imageManifest } from './caller.ts';
import { storages } from './storages.ts';

for (const { name, startRegistry } of storages)
  describe(`content discovery over ${name}`, () => {
    let registry: RunningRegistry;
    let call: Caller;
    let image: Image;

    before(async () => {
      registry = await startRegistry();
      call = callerOf(registry.url);
      image = await call.image('find/me', 'latest', 'a layer');
      for (const tag of ['b', 'A', 'C', 'a', 'B', '1.0', '_x']) await call.manifest('find/me', tag, image.document);
      for (const name of ['zoo', 'ant/hill', 'ant', 'bee']) await call.image(name, 'v1', name);
    });
    after(() => registry.close());

    interface Tags {
      name: string;
      tags: string[];
    }

    test('end-8a: tags come in order, case aside', async () => {
      const answer = await call('GET', '/v2/find/me/tags/list');
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.deepEqual(answer.json<Tags>(), {
        name: 'find/me',
        tags: ['1.0', '_x', 'A', 'a', 'B', 'b', 'C', 'latest'],
      });
      const absent = await call('GET', '/v2/no/such/tags/list');
      assert.deepEqual([absent.status, absent.code()], [404, 'NAME_UNKNOWN']);
    });

    test('end-8b: pages follow each other by Link and miss nothing', async () => {
      const seen: string[] = [];
      for (let path: string | undefined = '/v2/find/me/tags/list?n=3'; path; ) {
        const answer = await call('GET', path);
        const { tags } = answer.json<Tags>();
        assert.ok(tags.length > 0 && tags.length <= 3);
        seen.push(...tags);
        path = /^<(.+)>; rel="next"$/.exec((answer.headers['link'] as string | undefined) ?? '')?.[1];
      }
      assert.deepEqual(seen, ['1.0', '_x', 'A', 'a', 'B', 'b', 'C', 'latest']);
      assert.deepEqual((await call('GET', '/v2/find/me/tags/list?last=b')).json<Tags>().tags, ['C', 'latest']);
      assert.deepEqual((await call('GET', '/v2/find/me/tags/list?n=1&last=aa')).json<Tags>().tags, ['B']);
      const none = await call('GET', '/v2/find/me/tags/list?n=0');
      assert.deepEqual([none.json<Tags>().tags, none.headers['link']], [[], undefined]);
    });

    test('a page is never larger than the registry allows, whatever n says', async () => {
      await using small = await startRegistry({ limits: { pageSize: 2 } });
      const there = callerOf(small.url);
      const { document } = await there.image('a', 'one', 'x');
      for (const tag of ['two', 'three']) await there.manifest('a', tag, document);
      for (const n of ['', '?n=2147483648', '?n=99999999999999999999']) {
        const answer = await there('GET', `/v2/a/tags/list${n}`);
        assert.deepEqual(answer.json<Tags>().tags, ['one', 'three']);
        assert.equal(answer.headers['link'], '</v2/a/tags/list?n=2&last=three>; rel="next"');
      }
      for (const n of ['-1', 'many', '1e3', '', '0x10', '1'.repeat(30)]) {
        const answer = await there('GET', `/v2/a/tags/list?n=${n}`);
        assert.deepEqual([answer.status, answer.code()], [400, 'PAGINATION_NUMBER_INVALID'], n);
        assert.equal((await there('GET', `/v2/_catalog?n=${n}`)).status, 400);
      }
    });

    test('the catalog lists repositories that hold an image, in pages', async () => {
      await call.blob('only/blobs', 'x');
      const list = async (query: string): Promise<[string[], string | undefined]> => {
        const answer = await call('GET', `/v2/_catalog${query}`);
        return [answer.json<{ repositories: string[] }>().repositories, answer.headers['link'] as string | undefined];
      };
      assert.deepEqual(await list(''), [['ant', 'ant/hill', 'bee', 'find/me', 'zoo'], undefined]);
      assert.deepEqual(await list('?n=2'), [['ant', 'ant/hill'], '</v2/_catalog?n=2&last=ant%2Fhill>; rel="next"']);
      assert.deepEqual(await list('?n=2&last=ant%2Fhill'), [
        ['bee', 'find/me'],
        '</v2/_catalog?n=2&last=find%2Fme>; rel="next"',
      ]);
      assert.deepEqual(await list('?n=2&last=find/me'), [['zoo'], undefined]);
    });

    interface Referrers {
      schemaVersion: number;
      mediaType: string;
      manifests: { digest: Digest; artifactType?: string; mediaType: string; size: number; annotations?: object }[];
    }

    test('end-12: referrers are listed with type and annotations, and filtered', async () => {
      const subject = {
        mediaType: MediaType.ociManifest,
        digest: image.manifest,
        size: JSON.stringify(image.document).length,
      };
      const refer = async (more: object): Promise<Digest> => {
        const body = JSON.stringify(imageManifest({ layer: image.layer, layerSize: 7 }, { subject, ...more }));
        const digest = digestOf(body);
        const answer = await call('PUT', `/v2/find/me/manifests/${digest}`, {
          body,
          headers: { 'content-type': MediaType.ociManifest },
        });
        assert.equal(answer.status, 201);
        assert.equal(answer.headers['oci-subject'], image.manifest);
        return digest;
      };
      const sbom = await refer({ artifactType: 'application/spdx+json', annotations: { by: 'test' } });
      const plain = await refer({ annotations: { nothing: 'more' } });
      const index = JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        manifests: [],
        subject,
        artifactType: 'text/x-list',
      });
      await call('PUT', `/v2/find/me/manifests/${digestOf(index)}`, {
        body: index,
        headers: { 'content-type': MediaType.ociIndex },
      });

      const all = await call('GET', `/v2/find/me/referrers/${image.manifest}`);
      assert.equal(all.status, 200);
      assert.equal(all.headers['content-type'], MediaType.ociIndex);
      assert.equal(all.headers['oci-filters-applied'], undefined);
      const { schemaVersion, mediaType, manifests } = all.json<Referrers>();
      assert.deepEqual([schemaVersion, mediaType], [2, MediaType.ociIndex]);
      assert.deepEqual(
        new Map(manifests.map(({ digest, artifactType }) => [digest, artifactType])),
        new Map(
          [
            [sbom, 'application/spdx+json'],
            [plain, MediaType.ociConfig],
            [digestOf(index), 'text/x-list'],
          ].sort() as [Digest, string][],
        ),
      );
      assert.deepEqual(manifests.find(({ digest }) => digest === sbom)?.annotations, { by: 'test' });

      const some = await call('GET', `/v2/find/me/referrers/${image.manifest}?artifactType=application%2Fspdx%2Bjson`);
      assert.equal(some.headers['oci-filters-applied'], 'artifactType');
      assert.deepEqual(
        some.json<Referrers>().manifests.map(({ digest }) => digest),
        [sbom],
      );

      await call('DELETE', `/v2/find/me/manifests/${sbom}`);
      assert.equal(
        (await call('GET', `/v2/find/me/referrers/${image.manifest}`)).json<Referrers>().manifests.length,
        2,
      );
    });

    test('end-12: what nothing refers to, or nobody knows, has an empty index', async () => {
      for (const name of ['find/me', 'no/such']) {
        const answer = await call('GET', `/v2/${name}/referrers/${digestOf('unknown')}`);
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.json<Referrers>().manifests, []);
      }
      assert.equal((await call('GET', '/v2/find/me/referrers/latest')).status, 400);
    });

    test('end-12: a manifest may refer to a subject that comes later or never', async () => {
      const subject = { mediaType: MediaType.ociManifest, digest: digestOf('later'), size: 5 };
      await call.manifest('find/me', 'early', imageManifest({ layer: image.layer, layerSize: 7 }, { subject }));
      assert.equal(
        (await call('GET', `/v2/find/me/referrers/${subject.digest}`)).json<Referrers>().manifests.length,
        1,
      );
    });

    test('end-12: what was listed under the tag schema before counts as well, where it names its subject', async () => {
      // Clients of registries without end-12 keep an index under the tag `<algorithm>-<hex>`; the manifests in it have a subject of their own.
      const subject = { mediaType: MediaType.ociManifest, digest: digestOf('by tag schema'), size: 13 };
      const body = JSON.stringify(imageManifest({ layer: image.layer, layerSize: 7 }, { subject }));
      const type = { 'content-type': MediaType.ociManifest };
      await call('PUT', `/v2/find/me/manifests/${digestOf(body)}`, { body, headers: type });
      const listed = { mediaType: MediaType.ociManifest, digest: digestOf(body), size: body.length };
      const document = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [listed] };
      await call.manifest('find/me', subject.digest.replace(':', '-'), document);
      const { manifests } = (await call('GET', `/v2/find/me/referrers/${subject.digest}`)).json<Referrers>();
      assert.deepEqual(
        manifests.map(({ digest }) => digest),
        [listed.digest],
      );
      const byTag = await call('GET', `/v2/find/me/manifests/${subject.digest.replace(':', '-')}`);
      assert.deepEqual(byTag.json<Referrers>().manifests, [listed], 'and the tag itself is a tag like any other');
    });

    test('end-12: many referrers come in parts that lead to each other', async () => {
      const subject = { mediaType: MediaType.ociManifest, digest: digestOf('popular'), size: 7 };
      for (let count = 0; count < 230; count += 1) {
        const body = JSON.stringify(
          imageManifest({ layer: image.layer, layerSize: 7 }, { subject, annotations: { count: `${count}` } }),
        );
        await call('PUT', `/v2/find/me/manifests/${digestOf(body)}`, {
          body,
          headers: { 'content-type': MediaType.ociManifest },
        });
      }
      const seen = new Set<string>();
      for (
        let path: string | undefined =
          `/v2/find/me/referrers/${subject.digest}?artifactType=${encodeURIComponent(MediaType.ociConfig)}`;
        path;
      ) {
        const answer = await call('GET', path);
        for (const { digest } of answer.json<Referrers>().manifests) seen.add(digest);
        path = /^<(.+)>; rel="next"$/.exec((answer.headers['link'] as string | undefined) ?? '')?.[1];
      }
      assert.equal(seen.size, 230);
    });
  });
