import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { getXattr, setXattr } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';
import { OWN_FILES } from './mount-plan.ts';
import { labelFiles, relabel } from './relabel.ts';
import { type SelinuxHost, selinuxLabels, withMountLabel } from './selinux.ts';

const security = {
  privileged: false,
  capAdd: [],
  capDrop: [],
  seccomp: 'default',
  noNewPrivileges: false,
  labels: [] as readonly string[],
  unmaskPaths: false,
};
const container = { id: 'a'.repeat(64), security, pid: 'private', ipc: 'private' } as const;

describe('SELinux', () => {
  let root: string;
  let host: SelinuxHost;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'overstrata-selinux-'));
    host = { root, attribute: 'trusted.overstrata.label' };
    mkdirSync(join(root, 'sys/fs/selinux'), { recursive: true });
    writeFileSync(join(root, 'sys/fs/selinux/enforce'), '1');
  });
  after(() => rmSync(root, { recursive: true }));

  test('gives a container a pair of categories that stays its own', () => {
    const labels = selinuxLabels(container, host);
    assert.match(labels?.process ?? '', /^system_u:system_r:container_t:s0:c\d+,c\d+$/);
    assert.deepEqual(selinuxLabels(container, host), labels);
    assert.notDeepEqual(selinuxLabels({ ...container, id: 'b'.repeat(64) }, host), labels);
    assert.equal(labels?.shared, 'system_u:object_r:container_file_t:s0');
    assert.equal(labels?.files, `${labels?.shared}:${labels?.process.split(':').at(-1)}`);
    for (let id = 0; id < 500; id++) {
      const [low, high] = (/c(\d+),c(\d+)$/.exec(selinuxLabels({ ...container, id: `${id}` }, host)?.files ?? '') ?? [])
        .slice(1)
        .map(Number) as [number, number];
      assert.ok(low < high && high < 1024, `${low} ${high}`);
    }
  });

  test('takes what label= asks for, and the types of the policy in use', () => {
    const labels = ['user:u', 'role:r', 'type:t', 'level:s0:c1,c2', 'filetype:f'];
    assert.deepEqual(selinuxLabels({ ...container, security: { ...security, labels } }, host), {
      process: 'u:r:t:s0:c1,c2',
      files: 'system_u:object_r:f:s0:c1,c2',
      shared: 'system_u:object_r:container_file_t:s0',
    });
    const contexts = join(root, 'etc/selinux/mls/contexts');
    mkdirSync(contexts, { recursive: true });
    writeFileSync(join(root, 'etc/selinux/config'), 'SELINUX=enforcing\nSELINUXTYPE=mls\n');
    writeFileSync(join(contexts, 'lxc_contexts'), 'process = "a:b:svirt_t:s0"\nfile = "a:b:svirt_file_t:s0"\n');
    assert.match(selinuxLabels(container, host)?.process ?? '', /^a:b:svirt_t:s0:c/);
    assert.equal(selinuxLabels(container, host)?.shared, 'a:b:svirt_file_t:s0');
    rmSync(join(root, 'etc'), { recursive: true });
  });

  test('leaves alone who is exempt, and machines without it', () => {
    for (const exempt of [
      { ...container, security: { ...security, privileged: true } },
      { ...container, security: { ...security, labels: ['disable'] } },
      { ...container, pid: 'host' as const },
      { ...container, ipc: 'host' as const },
    ])
      assert.equal(selinuxLabels(exempt, host), undefined);
    assert.equal(selinuxLabels(container, { ...host, root: join(root, 'nothing') }), undefined);
  });

  test('is told to overlay as a mount option, in quotes for its comma', () => {
    const mounts = [{ type: 'overlay', source: 'overlay', options: ['lowerdir=a'] }] as const;
    const labels = { process: 'p', files: 'u:r:t:s0:c1,c2', shared: 's' };
    assert.deepEqual(withMountLabel(mounts, labels)[0]?.options, ['lowerdir=a', 'context="u:r:t:s0:c1,c2"']);
    assert.equal(withMountLabel(mounts, undefined), mounts);
    const bind = [{ type: 'bind', source: '/a', options: [] }] as const;
    assert.deepEqual(withMountLabel(bind, labels), bind);
  });

  describe('labels of files', () => {
    let labelOf: (path: string) => string | undefined;
    let skip: string | false = process.getuid?.() === 0 ? false : 'needs root';
    before(() => {
      labelOf = (path) => getXattr(path, host.attribute)?.toString().replace(/\0$/, '');
      if (skip) return;
      try {
        setXattr(root, host.attribute, Buffer.from('any\0'));
      } catch (error) {
        if (!isErrno(error, 'ENOTSUP', 'EOPNOTSUPP', 'EPERM')) throw error;
        skip = 'needs a temporary folder that takes extended attributes';
      }
    });

    test(':z and :Z reach all that is below, and no link leads them out', (context) => {
      if (skip) return context.skip(skip);
      const [tree, outside] = [join(root, 'tree'), join(root, 'outside')];
      mkdirSync(join(tree, 'deep/er'), { recursive: true });
      mkdirSync(outside);
      writeFileSync(join(tree, 'deep/er/file'), '');
      writeFileSync(join(outside, 'file'), '');
      symlinkSync(outside, join(tree, 'deep/link'));
      symlinkSync(tree, join(root, 'way'));
      relabel(join(root, 'way'), 'one', host);
      for (const path of ['', 'deep', 'deep/er', 'deep/er/file', 'deep/link'])
        assert.equal(labelOf(join(tree, path)), 'one', path);
      for (const path of ['', 'file']) assert.equal(labelOf(join(outside, path)), undefined, path);
      relabel(join(outside, 'file'), 'two', host);
      assert.equal(labelOf(join(outside, 'file')), 'two');
    });

    test('a container’s own files, new volumes and what was asked for are labelled, nothing else', (context) => {
      if (skip) return context.skip(skip);
      const place = (name: string): string => {
        mkdirSync(join(root, name), { recursive: true });
        return join(root, name);
      };
      const folder = place('container');
      for (const name of OWN_FILES) writeFileSync(join(folder, name), '');
      const [volume, used] = [place('volume'), place('used')];
      setXattr(used, host.attribute, Buffer.from('u:r:files_t:s0:c7\0'));
      const bind = (name: string) => ({ type: 'bind', source: place(name), target: '/x' }) as const;
      const rootfs = openSync(place('rootfs'), 'r');
      labelFiles(
        { folder },
        {
          rootfs,
          labels: { process: 'p', files: 'u:r:files_t:s0:c1', shared: 'u:r:files_t:s0' },
          mounts: [
            bind('plain'),
            { ...bind('shared'), relabel: 'shared' },
            { ...bind('private'), relabel: 'private' },
            { type: 'volume', name: 'v', target: '/v', hostPath: volume },
            { type: 'volume', name: 'w', target: '/w', hostPath: used },
            { type: 'tmpfs', target: '/t' },
          ],
        },
        host,
      );
      closeSync(rootfs);
      const found = ['rootfs', 'container/hosts', 'plain', 'shared', 'private', 'volume', 'used'].map((name) =>
        labelOf(join(root, name)),
      );
      const [own, all] = ['u:r:files_t:s0:c1', 'u:r:files_t:s0'];
      assert.deepEqual(found, [own, own, undefined, all, own, all, 'u:r:files_t:s0:c7']);
    });

    test('folders of the machine itself are refused, under any name', () => {
      symlinkSync('/etc', join(root, 'innocent'));
      for (const path of ['/', '/etc/', '/usr/../etc', join(root, 'innocent')])
        assert.throws(() => relabel(path, 'one', host), { code: 'InvalidArgument' }, path);
      assert.ok(readdirSync('/etc').length > 0);
    });
  });
});
