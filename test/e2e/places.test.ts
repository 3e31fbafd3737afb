import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDistribution } from '../distribution.ts';
import { needs, runPeer } from '../peers.ts';
import type { Strata } from '../strata.ts';
import { digestIn, Lab, PASSWORD } from './lab.ts';

/** Images between registries, layouts, archives and the store, by the program's verbs. */
describe('images go from place to place', { skip: needs('busybox'), concurrency: false }, () => {
  let lab: Lab;
  let strata: Strata;
  before(async () => {
    lab = await Lab.open();
    strata = lab.strata;
  });
  after(() => lab?.[Symbol.asyncDispose]());

  const pushTo = async (host: string, name: string): Promise<string> => {
    await strata.run('tag', 'base:1', `${host}/${name}`);
    return digestIn(await strata.run('push', `${host}/${name}`));
  };

  test("Debian's docker-registry takes what we push and gives it back", {
    skip: needs('docker-registry'),
  }, async () => {
    await using distribution = await startDistribution();
    const image = `${distribution.host}/team/app:1`;
    const digest = await pushTo(distribution.host, 'team/app:1');
    assert.equal(digest, await lab.push('base:1', 'same/app:1'), 'the digest is the same in every registry');
    await strata.run('rmi', image);
    await strata.run('pull', '--quiet', `${distribution.host}/team/app@${digest}`);
    await strata.run('pull', '--quiet', image);
    assert.equal(await strata.run('run', '--rm', '--network', 'none', image, '/bin/echo', 'there'), 'there\n');
    assert.match(await strata.run('search', '--format', '{{.Name}}', `${distribution.host}/app`), /team\/app/);
  });

  test('a copy says what it does, and a refused login why', async () => {
    const layout = join(strata.folder, 'copied');
    const copied = await strata.run('copy', 'store:base:1', `oci:${layout}:x`);
    assert.match(copied, /: Copying\n[\s\S]*: Copied\n/);
    assert.match(await strata.run('copy', `oci:${layout}:x`, `${lab.host}/copied:1`), /: Pushed\n/);
    const { code, stderr } = await strata.try(['login', '--username', 'tester', '--password-stdin', lab.host], {
      input: 'wrong',
    });
    assert.equal(code, 1);
    assert.equal(stderr, `strata: ${lab.host} refuses tester: the user name or the password is wrong\n`);
  });

  test('an index is made, annotated, pushed and pulled by platform', async () => {
    const members = { amd64: `${lab.host}/multi/amd64:1`, arm64: `${lab.host}/multi/arm64:1` };
    await strata.run('import', '--platform', 'linux/arm64', '--change', 'ENV ARCH=arm', lab.tar, members.arm64);
    await strata.run('tag', 'base:1', members.amd64);
    for (const member of Object.values(members)) await strata.run('push', '--quiet', member);
    const list = `${lab.host}/multi/all:1`;
    await strata.run('manifest', 'create', list, ...Object.values(members));
    await strata.run('manifest', 'annotate', '--variant', 'v8', list, members.arm64);
    const drafted = await strata.run('manifest', 'inspect', list);
    const digest = (await strata.run('manifest', 'push', '--purge', list)).trim();
    assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    const pushed = JSON.parse(await strata.run('manifest', 'inspect', list));
    assert.deepEqual(pushed, JSON.parse(drafted));
    const platforms = pushed.manifests.map(({ platform }: { platform: object }) => platform);
    assert.deepEqual(platforms, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ]);

    await strata.run('rmi', '--force', ...Object.values(members));
    await strata.run('pull', '--quiet', '--platform', 'linux/arm64', list);
    assert.equal(await lab.field(list, '{{.Os}}/{{.Architecture}} {{json .Config.Env}}'), 'linux/arm64 ["ARCH=arm"]');
    await strata.run('pull', '--quiet', list);
    assert.equal(await lab.field(list, '{{.Architecture}}'), process.arch === 'arm64' ? 'arm64' : 'amd64');
    await strata.run('pull', '--quiet', '--all-platforms', list);
    assert.match(await strata.run('images', '--digests', list.slice(0, -2)), new RegExp(digest));
    const missing = await strata.try(['pull', '--platform', 'linux/s390x', list]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /linux\/s390x/);
  });

  test('skopeo copies an index that we pushed, whole', { skip: needs('skopeo') }, async () => {
    const layout = join(strata.folder, 'index-by-skopeo');
    const source = `docker://${lab.host}/multi/all:1`;
    await runPeer('skopeo', 'copy', '--quiet', '--all', ...lab.access('src-'), source, `oci:${layout}:all`);
    const raw = await runPeer('skopeo', 'inspect', '--raw', `oci:${layout}:all`);
    await strata.run('copy', '--quiet', '--all', `oci:${layout}:all`, `docker://${lab.host}/multi/again:1`);
    assert.deepEqual(JSON.parse(await strata.run('manifest', 'inspect', `${lab.host}/multi/again:1`)), JSON.parse(raw));
  });

  test('pull --from-file takes what a list names', async () => {
    for (const name of ['listed/one:1', 'listed/two:2']) await pushTo(lab.host, name);
    await strata.run('rmi', `${lab.host}/listed/one:1`, `${lab.host}/listed/two:2`);
    const list = join(strata.folder, 'images.txt');
    writeFileSync(list, `# what we need\n\n${lab.host}/listed/one:1\n  ${lab.host}/listed/two:2  # and this\n`);
    await strata.run('pull', '--quiet', '--from-file', list);
    const names = await strata.run(
      'images',
      '--format',
      '{{.Repository}}:{{.Tag}}',
      '--filter',
      'reference=*/listed/*',
    );
    assert.deepEqual(names.trim().split('\n').sort(), [`${lab.host}/listed/one:1`, `${lab.host}/listed/two:2`]);
    writeFileSync(list, `${lab.host}/listed/one:1\n${lab.host}/listed/absent:9\n`);
    const missing = await strata.try(['pull', '--quiet', '--from-file', list]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /listed\/absent/);
  });

  test('a copy goes through every kind of place and stays the image', async () => {
    const file = (name: string): string => join(strata.folder, name);
    const places = [
      'store:base:1',
      `oci:${file('layout')}:x`,
      `oci-archive:${file('oci.tar')}:x`,
      `docker://${lab.host}/copied/a:1`,
      `docker-archive:${file('docker.tar')}:copied/b:1`,
      `docker://${lab.host}/copied/b:1`,
    ];
    for (const [index, from] of places.slice(0, -1).entries())
      await strata.run('copy', '--quiet', from, places[index + 1] as string);
    const layers = await lab.field('base:1', '{{json .RootFS.Layers}}');
    for (const name of ['copied/a:1', 'copied/b:1']) {
      const template = ['--remote', '--format', '{{json .RootFS.Layers}}'];
      const remote = await strata.run('image', 'inspect', ...template, `${lab.host}/${name}`);
      assert.equal(remote.trim(), layers);
    }
    const listed = await strata.run('images', '--quiet', '--filter', 'reference=*/copied/*');
    assert.equal(listed, '', 'nothing came into the store');
  });

  test('image inspect --remote shows what the registry has, and stores nothing', async () => {
    await lab.push('base:1', 'far/away:1');
    await strata.run('rmi', `${lab.host}/far/away:1`);
    const [remote] = JSON.parse(await strata.run('image', 'inspect', '--remote', `${lab.host}/far/away:1`));
    const [local] = JSON.parse(await strata.run('image', 'inspect', 'base:1'));
    assert.equal(remote.Id, local.Id);
    assert.deepEqual(remote.RootFS, local.RootFS);
    assert.equal((await strata.try(['image', 'inspect', `${lab.host}/far/away:1`])).code, 1);
  });

  test('search finds repositories by a part of their names', async () => {
    const found = await strata.run('search', '--format', '{{.Name}}', `${lab.host}/far`);
    assert.match(found, /far\/away/);
    assert.doesNotMatch(found, /multi/);
  });

  test('who is not logged in is told so, and how to log in', async () => {
    const login = (password: string): Promise<{ code: number | null; stderr: string }> =>
      strata.try(['login', '--username', 'tester', '--password-stdin', lab.host], { input: password });
    try {
      const wrong = await login('a wrong password');
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /password/);
      assert.doesNotMatch(wrong.stderr, /a wrong password/);
      await strata.run('logout', lab.host);
      const refused = await strata.try(['pull', `${lab.host}/far/away:1`]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /strata login/);
      const push = await strata.try(['push', `${lab.host}/same/app:1`]);
      assert.equal(push.code, 1);
      assert.match(push.stderr, /strata login/);
    } finally {
      assert.equal((await login(PASSWORD)).code, 0);
    }
    await strata.run('pull', '--quiet', `${lab.host}/far/away:1`);
  });

  test('a registry that nobody trusts or that is not there is named', async () => {
    const stranger = await strata.try(['pull', '127.0.0.1:1/absent:1']);
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /127\.0\.0\.1:1/);
  });
});
