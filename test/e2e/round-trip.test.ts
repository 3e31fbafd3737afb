import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { describeTree } from '../contracts/describe-tree.ts';
import { needs, runPeer } from '../peers.ts';
import { Lab, PODMAN_LIMITS } from './lab.ts';
import { repeatLayers } from './tall-image.ts';

/** Programs that nobody here wrote read what we write, and we what they write; digests agree both ways. */
describe('images go round', { skip: needs('busybox'), concurrency: false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab?.[Symbol.asyncDispose]());

  const inShell = (script: string): string[] => ['/bin/sh', '-c', script];

  test('run, diff, commit, push, remove, pull, run again', async () => {
    const { strata } = lab;
    const change = 'echo hello > /etc/motd; mkdir -p /srv/www; rm /etc/group';
    await strata.run('run', '--name', 'work', '--network', 'none', 'base:1', ...inShell(change));
    const changes = (await strata.run('diff', 'work')).trim().split('\n').sort();
    assert.deepEqual(changes, ['A /etc/motd', 'A /srv', 'A /srv/www', 'C /etc', 'D /etc/group']);
    await strata.run('commit', '-m', 'a greeting', '-a', 'me', '-c', 'ENV GREETING=yes', 'work', 'app:1');
    await strata.run('rm', 'work');
    const digest = await lab.push('app:1', 'team/app:1');
    assert.equal(await lab.push('app:1', 'team/app:1'), digest, 'a second push names the same digest');
    const id = await lab.field('app:1', '{{.Id}}');
    const remote = `${lab.host}/team/app:1`;
    await strata.run('rmi', '--force', 'app:1', remote);
    await strata.run('pull', '--quiet', remote);
    assert.equal(await lab.field(remote, '{{.Id}}'), id);
    const look = inShell('cat /etc/motd; echo $GREETING; ls -d /srv/www; cat /etc/group 2>&1 || true');
    assert.equal(
      await strata.run('run', '--rm', '--network', 'none', remote, ...look),
      "hello\nyes\n/srv/www\ncat: can't open '/etc/group': No such file or directory\n",
    );
    assert.equal((await strata.run('fsck')).trim(), 'clean');
  });

  test('skopeo reads our registry, and we what it writes there', { skip: needs('skopeo') }, async () => {
    const digest = await lab.push('base:1', 'skopeo/in:1');
    const remote = `docker://${lab.host}/skopeo/in:1`;
    const seen = await runPeer('skopeo', 'inspect', ...lab.access(), '--format', '{{.Digest}}', remote);
    assert.equal(seen.trim(), digest);
    const layout = `oci:${join(lab.strata.folder, 'from-skopeo')}:x`;
    await runPeer('skopeo', 'copy', '--quiet', ...lab.access('src-'), remote, layout);
    const back = `${lab.host}/skopeo/out:1`;
    await runPeer('skopeo', 'copy', '--quiet', ...lab.access('dest-'), layout, `docker://${back}`);
    await lab.strata.run('pull', '--quiet', back);
    const listed = await lab.strata.run('images', '--digests', '--no-trunc', `${lab.host}/skopeo/out`);
    assert.ok(listed.includes(digest), listed);
  });

  test('skopeo and podman read our state folder as it stands', {
    skip: needs('skopeo', 'podman', 'runc'),
  }, async () => {
    const stored = `oci:${lab.strataRoot}:docker.io/library/base:1`;
    const config = JSON.parse(await runPeer('skopeo', 'inspect', '--config', stored));
    assert.deepEqual(config.rootfs.diff_ids, JSON.parse(await lab.field('base:1', '{{json .RootFS.Layers}}')));
    const layout = join(lab.strata.folder, 'from-state');
    await runPeer('skopeo', 'copy', '--quiet', stored, `dir:${layout}`);
    const lowerCase = join(tmpdir(), `strata-state-${process.pid}`); // podman makes a name of the path
    symlinkSync(lab.strataRoot, lowerCase);
    const id = await lab
      .podman('pull', '--quiet', `oci:${lowerCase}:docker.io/library/base:1`)
      .finally(() => rmSync(lowerCase));
    const output = await lab.podman(
      'run',
      '--rm',
      '--network',
      'none',
      ...PODMAN_LIMITS,
      id.trim(),
      '/bin/echo',
      'read',
    );
    assert.equal(output, 'read\n');
    await lab.podman('rmi', '--all', '--force');
  });

  test('podman pulls and runs what we pushed; we pull and run what it pushed', {
    skip: needs('podman', 'runc'),
  }, async () => {
    await lab.push('base:1', 'podman/in:1');
    const [there, back] = [`${lab.host}/podman/in:1`, `${lab.host}/podman/out:1`];
    await lab.podman('pull', '--quiet', ...lab.access(), there);
    const echo = ['/bin/echo', 'from podman'];
    assert.equal(
      await lab.podman('run', '--rm', '--network', 'none', ...PODMAN_LIMITS, there, ...echo),
      'from podman\n',
    );
    await lab.podman('push', '--quiet', ...lab.access(), there, back);
    await lab.strata.run('pull', '--quiet', back);
    assert.equal(await lab.field(back, '{{json .RootFS}}'), await lab.field('base:1', '{{json .RootFS}}'));
    assert.equal(await lab.strata.run('run', '--rm', '--network', 'none', back, '/bin/echo', 'ours'), 'ours\n');
    await lab.podman('rmi', '--all', '--force');
  });

  test('umoci and we unpack an image of many layers to equal trees', { skip: needs('umoci') }, async () => {
    const { strata } = lab;
    await manyLayers(lab, 6);
    const layout = join(strata.folder, 'for-umoci');
    await strata.run('copy', '--quiet', 'store:tall:6', `oci:${layout}:tall`);
    const bundle = join(strata.folder, 'umoci-bundle');
    await runPeer('umoci', 'unpack', '--image', `${layout}:tall`, bundle);

    await strata.run('create', '--name', 'tree', '--network', 'none', 'tall:6');
    const exported = join(strata.folder, 'exported');
    mkdirSync(exported);
    const tar = join(strata.folder, 'exported.tar');
    await strata.run('export', '--output', tar, 'tree');
    await runPeer('tar', '-C', exported, '--xattrs', '--xattrs-include=*', '--numeric-owner', '-xpf', tar);
    assert.deepEqual(describeTree(exported), describeTree(join(bundle, 'rootfs')));
    await strata.run('rm', 'tree');
  });

  test('umoci reads our state folder as it stands', { skip: needs('umoci') }, async () => {
    const named = await runPeer('umoci', 'ls', '--layout', lab.strataRoot);
    assert.match(named, /^docker\.io\/library\/base:1$/m);
  });

  test('an image of 130 layers is made, pushed, pulled and run', async () => {
    const { strata } = lab;
    const tall = join(strata.folder, 'tall');
    await manyLayers(lab, 6);
    await strata.run('copy', '--quiet', 'store:tall:6', `oci:${tall}:tall`);
    repeatLayers(tall, 130);
    await strata.run('copy', '--quiet', `oci:${tall}:tall`, `docker://${lab.host}/tall:130`);
    await strata.run('pull', '--quiet', `${lab.host}/tall:130`);
    assert.equal(JSON.parse(await lab.field(`${lab.host}/tall:130`, '{{json .RootFS.Layers}}')).length, 130);
    const output = await strata.run(
      'run',
      '--rm',
      '--network',
      'none',
      `${lab.host}/tall:130`,
      '/bin/cat',
      '/srv/last',
    );
    assert.equal(output, 'layer 130\n');
  });

  test('an archive goes through skopeo and comes back the same image', { skip: needs('skopeo') }, async () => {
    const [archive, second] = ['saved.tar', 'second.tar'].map((name) => join(lab.strata.folder, name));
    await lab.strata.run('save', '--output', archive as string, 'base:1');
    const from = `docker-archive:${archive}:docker.io/library/base:1`;
    await runPeer('skopeo', 'copy', '--quiet', from, `docker-archive:${second}:again:1`);
    assert.match(await lab.strata.run('load', '--input', second as string), /Loaded image: again:1/);
    assert.equal(await lab.field('again:1', '{{json .RootFS}}'), await lab.field('base:1', '{{json .RootFS}}'));
  });

  test('podman loads two images of one archive, and we what it saves', { skip: needs('podman', 'runc') }, async () => {
    await manyLayers(lab, 6);
    for (const format of ['docker', 'oci'] as const) {
      const archive = join(lab.strata.folder, `two-${format}.tar`);
      await lab.strata.run('save', '--format', format, '--output', archive, 'base:1', 'tall:6');
      const sizes = [archive].map((file) => runPeer('tar', '-tvf', file));
      const blobs = (await Promise.all(sizes))
        .join('')
        .split('\n')
        .filter((line) => Number(line.split(/\s+/)[2]) > 1e5);
      assert.equal(blobs.length, 1, `the layer that both have is in the ${format} archive once`);
    }
    await lab.podman('load', '--quiet', '--input', join(lab.strata.folder, 'two-docker.tar'));
    const names = await lab.podman('images', '--format', '{{.Repository}}:{{.Tag}}');
    assert.deepEqual(names.trim().split('\n').sort(), ['docker.io/library/base:1', 'docker.io/library/tall:6']);
    const back = join(lab.strata.folder, 'from-podman.tar');
    await lab.podman('save', '--quiet', '--format', 'oci-archive', '--output', back, 'docker.io/library/tall:6');
    const id = await lab.field('tall:6', '{{json .RootFS}}');
    await lab.strata.run('rmi', '--force', 'tall:6');
    await lab.strata.run('load', '--input', back);
    assert.equal(await lab.field('tall:6', '{{json .RootFS}}'), id);
    await lab.podman('rmi', '--all', '--force');
  });
});

/** An image `tall:COUNT` over `base:1`, a commit a layer; each adds, replaces, removes or makes opaque. */
async function manyLayers({ strata }: Lab, count: number): Promise<void> {
  if ((await strata.run('images', '--quiet', `tall:${count}`)) !== '') return;
  const scripts = [
    'mkdir -p /srv/d/e; echo one > /srv/d/e/f; ln /srv/d/e/f /srv/d/hard; ln -s e/f /srv/d/soft; chmod 4755 /srv/d/e/f',
    'rm -r /srv/d; mkdir -m 1777 /srv/d; echo new > /srv/d/new; chown 12:34 /srv/d/new',
    'mknod /srv/null c 1 3; mkfifo /srv/pipe; rm /bin/wget',
    'echo more >> /srv/d/new; mv /srv/d/new /srv/d/moved; touch -d "2001-02-03 04:05:06" /srv/d/moved',
  ];
  let from = 'base:1';
  for (let layer = 1; layer <= count; layer++) {
    const script = `${scripts[layer % scripts.length]}; echo layer ${layer} > /srv/last`;
    const to = layer === count ? `tall:${count}` : `tall:at-${layer}`;
    await strata.run('run', '--name', 'step', '--network', 'none', from, '/bin/sh', '-c', `mkdir -p /srv; ${script}`);
    await strata.run('commit', 'step', to);
    await strata.run('rm', 'step');
    from = to;
  }
}
