import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RunningRegistry, setUser, startRegistry } from '../../src/registry/index.ts';
import { describeTree } from '../contracts/describe-tree.ts';
import { busyboxTar, Strata } from '../strata.ts';

const isRoot = process.getuid?.() === 0;
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const needs = (...programs: string[]): string | false => {
  if (!isRoot) return 'needs root';
  const missing = programs.filter((program) => !has(program));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : false;
};

/** Programs that nobody here wrote read what we write, and we what they write; digests agree both ways. */
describe('images go round', { skip: needs('busybox'), concurrency: false }, () => {
  let strata: Strata;
  let registry: RunningRegistry;
  let certificates: string;
  const credentials = 'tester:a long password';

  before(async () => {
    strata = new Strata('strata-e2e-');
    const folder = join(strata.folder, 'registry');
    mkdirSync(folder);
    await setUser(join(folder, 'htpasswd'), 'tester', 'a long password', { cost: 4 });
    registry = await startRegistry({ folder, tls: 'auto', auth: { htpasswd: join(folder, 'htpasswd') } });
    certificates = join(folder, 'tls');
    const tar = busyboxTar(strata.folder) as string;
    await strata.run('import', '--change', 'CMD ["/bin/sh"]', tar, 'base:1');
    await strata.run('registry', 'trust', '--ca', join(certificates, 'ca.crt'), registry.host);
    const login = await strata.try(['login', '--username', 'tester', '--password-stdin', registry.host], {
      input: 'a long password',
    });
    assert.equal(login.code, 0, login.stderr);
  });

  after(async () => {
    await registry?.close();
    await strata?.[Symbol.asyncDispose]();
  });

  const push = async (from: string, to: string): Promise<string> => {
    await strata.run('tag', from, `${registry.host}/${to}`);
    const output = await strata.run('push', `${registry.host}/${to}`);
    return /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? assert.fail(output);
  };

  test('run, diff, commit, push, remove, pull, run again', async () => {
    await strata.run(
      'run',
      '--name',
      'work',
      '--network',
      'none',
      'base:1',
      '/bin/sh',
      '-c',
      'echo hello > /etc/motd; mkdir -p /srv/www; rm /etc/group',
    );
    assert.deepEqual((await strata.run('diff', 'work')).trim().split('\n').sort(), [
      'A /etc/motd',
      'A /srv',
      'A /srv/www',
      'C /etc',
      'D /etc/group',
    ]);
    await strata.run('commit', '-m', 'a greeting', '-a', 'me', '-c', 'ENV GREETING=yes', 'work', 'app:1');
    await strata.run('rm', 'work');
    const digest = await push('app:1', 'team/app:1');
    assert.equal(await push('app:1', 'team/app:1'), digest, 'a second push names the same digest');
    const id = (await strata.run('image', 'inspect', '--format', '{{.Id}}', 'app:1')).trim();
    await strata.run('rmi', '--force', 'app:1', `${registry.host}/team/app:1`);
    await strata.run('pull', '--quiet', `${registry.host}/team/app:1`);
    assert.equal(
      (await strata.run('image', 'inspect', '--format', '{{.Id}}', `${registry.host}/team/app:1`)).trim(),
      id,
    );
    const output = await strata.run(
      'run',
      '--rm',
      '--network',
      'none',
      `${registry.host}/team/app:1`,
      '/bin/sh',
      '-c',
      'cat /etc/motd; echo $GREETING; ls /etc',
    );
    assert.equal(output, 'hello\nyes\nmotd\npasswd\n');
    assert.equal((await strata.run('fsck')).trim(), 'clean');
  });

  test('skopeo reads our registry and our state folder, and we what it writes', { skip: needs('skopeo') }, async () => {
    const digest = await push('base:1', 'skopeo/in:1');
    const remote = `docker://${registry.host}/skopeo/in:1`;
    const access = ['--creds', credentials, '--cert-dir', certificates];
    assert.equal(
      execFileSync('skopeo', ['inspect', ...access, '--format', '{{.Digest}}', remote], { encoding: 'utf8' }).trim(),
      digest,
    );
    const layout = join(strata.folder, 'from-skopeo');
    execFileSync('skopeo', [
      'copy',
      '--quiet',
      '--src-creds',
      credentials,
      '--src-cert-dir',
      certificates,
      remote,
      `oci:${layout}:x`,
    ]);
    execFileSync('skopeo', [
      'copy',
      '--quiet',
      '--dest-creds',
      credentials,
      '--dest-cert-dir',
      certificates,
      `oci:${layout}:x`,
      `docker://${registry.host}/skopeo/out:1`,
    ]);
    await strata.run('pull', '--quiet', `${registry.host}/skopeo/out:1`);
    assert.match(await strata.run('images', '--digests', '--no-trunc'), new RegExp(digest));
    const store = strata.env['STRATA_ROOT'];
    const named = execFileSync('skopeo', ['inspect', '--raw', `oci:${store}:docker.io/library/base:1`], {
      encoding: 'utf8',
    });
    assert.equal(JSON.parse(named).schemaVersion, 2);
  });

  test('podman pulls and runs what we pushed; we pull and run what it pushed', {
    skip: needs('podman', 'runc'),
  }, async () => {
    await push('base:1', 'podman/in:1');
    const storage = join(strata.folder, 'podman');
    const podman = (...args: string[]): string =>
      execFileSync(
        'podman',
        [
          '--root',
          join(storage, 'root'),
          '--runroot',
          join(storage, 'run'),
          '--storage-driver',
          'vfs',
          '--cgroup-manager',
          'cgroupfs',
          '--runtime',
          'runc',
          '--events-backend',
          'file',
          ...args,
        ],
        { encoding: 'utf8' },
      );
    const access = ['--quiet', '--creds', credentials, '--cert-dir', certificates];
    podman('pull', ...access, `${registry.host}/podman/in:1`);
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000'];
    assert.equal(
      podman('run', '--rm', '--network', 'none', ...limits, `${registry.host}/podman/in:1`, '/bin/echo', 'from podman'),
      'from podman\n',
    );
    podman('push', ...access, `${registry.host}/podman/in:1`, `${registry.host}/podman/out:1`);
    await strata.run('pull', '--quiet', `${registry.host}/podman/out:1`);
    assert.equal(
      await strata.run('run', '--rm', '--network', 'none', `${registry.host}/podman/out:1`, '/bin/echo', 'from strata'),
      'from strata\n',
    );
    podman('rmi', '--all', '--force');
  });

  test('umoci unpacks our store to the tree that we run', { skip: needs('umoci') }, async () => {
    const layout = join(strata.folder, 'for-umoci');
    await strata.run('copy', '--quiet', 'store:base:1', `oci:${layout}:base`);
    const bundle = join(strata.folder, 'umoci-bundle');
    execFileSync('umoci', ['unpack', '--image', `${layout}:base`, bundle], { stdio: 'ignore' });
    await strata.run('create', '--name', 'tree', '--network', 'none', 'base:1');
    const exported = join(strata.folder, 'exported');
    mkdirSync(exported);
    const tar = join(strata.folder, 'exported.tar');
    await strata.run('export', '--output', tar, 'tree');
    execFileSync('tar', ['-C', exported, '--xattrs', '--numeric-owner', '-xpf', tar]);
    assert.deepEqual(describeTree(exported), describeTree(join(bundle, 'rootfs')));
    await strata.run('rm', 'tree');
  });

  test('an archive goes through skopeo and comes back the same image', { skip: needs('skopeo') }, async () => {
    const archive = join(strata.folder, 'saved.tar');
    await strata.run('save', '--output', archive, 'base:1');
    const second = join(strata.folder, 'second.tar');
    execFileSync('skopeo', [
      'copy',
      '--quiet',
      `docker-archive:${archive}:docker.io/library/base:1`,
      `docker-archive:${second}:again:1`,
    ]);
    const loaded = await strata.run('load', '--input', second);
    assert.match(loaded, /Loaded image: again:1/);
    const [first, again] = await Promise.all(
      ['base:1', 'again:1'].map((name) => strata.run('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name)),
    );
    assert.equal(again, first);
    assert.ok(readFileSync(archive).length > 0);
  });
});
