import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { copyFromRoot, copyToRoot, liveRootOf } from './copy.ts';
import { startDetached } from './detached.ts';
import { execInContainer } from './exec.ts';
import { requireContainer } from './find-container.ts';
import { bundleOf } from './folders.ts';
import { makeDirectoryInRoot, resolveInRoot } from './root-walk.ts';
import { cannotRun, gather, leftovers, TestMachine } from './testing.ts';
import { resolveUser } from './user.ts';

describe('a path in a container', () => {
  let root: string;
  let outside: string;
  before(() => {
    const folder = mkdtempSync(join(tmpdir(), 'overstrata-walk-'));
    [root, outside] = [join(folder, 'root'), join(folder, 'outside')];
    mkdirSync(join(root, 'etc'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'passwd'), 'eve:x:7:7::/:/bin/sh\n');
  });
  after(() => rmSync(join(root, '..'), { recursive: true }));

  test('never leaves its root, by links, dots or both', () => {
    symlinkSync(outside, join(root, 'absolute'));
    symlinkSync('../../../../../../../../../../', join(root, 'up'));
    symlinkSync('/etc/../../../absolute', join(root, 'chain'));
    for (const path of ['/absolute/file', '/up/made', '/chain/x', '/../../made2', 'up/../up/made3'])
      makeDirectoryInRoot(root, path)[Symbol.dispose]();
    assert.deepEqual(readdirSync(outside), ['passwd']);
    using up = resolveInRoot(root, '/up/made');
    assert.equal(up.path, '/made');
    assert.ok(lstatSync(join(root, 'made3')).isDirectory());
  });

  test('with a loop of links is refused', () => {
    symlinkSync('loop', join(root, 'loop'));
    assert.throws(() => resolveInRoot(root, '/loop/x'), { code: 'InvalidArgument' });
  });

  test('leads users to the image’s own tables alone', () => {
    symlinkSync(join(outside, 'passwd'), join(root, 'etc/passwd'));
    assert.throws(() => resolveUser(root, 'eve'), { code: 'InvalidArgument' });
    rmSync(join(root, 'etc/passwd'));
    symlinkSync('../own', join(root, 'etc/passwd'));
    writeFileSync(join(root, 'own'), 'joe:x:12:34::/home/joe:\nbig:x:4294967296:0::/:\nminus:x:-1:0::/:\n');
    assert.deepEqual(resolveUser(root, 'joe'), { uid: 12, gid: 34, additionalGids: [34], home: '/home/joe' });
    for (const user of ['big', 'minus', '2147483648', '4294967296', '-1', '1:2147483648', '0x0', '1:nobody'])
      assert.throws(() => resolveUser(root, user), { code: 'InvalidArgument' }, user);
    assert.equal(resolveUser(root, '2147483647').uid, 2147483647);
  });
});

describe('a hostile image', { skip: cannotRun('conmon'), timeout: 120_000 }, () => {
  let machine: TestMachine;
  let outside: string;
  before(() => {
    machine = new TestMachine();
    outside = mkdtempSync(join(tmpdir(), 'overstrata-outside-'));
    writeFileSync(join(outside, 'secret'), 'host\n');
  });
  after(async () => {
    await machine[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true });
    assert.deepEqual(leftovers(machine.root), []);
  });

  for (const place of ['dev', 'proc', 'sys'])
    test(`with /${place} as a link is refused`, async () => {
      const layers = [machine.layer((folder) => symlinkSync(outside, join(folder, place)))];
      await assert.rejects(machine.run(['true'], { layers, autoRemove: true }), { code: 'InvalidArgument' });
      assert.deepEqual(readdirSync(outside), ['secret']);
    });

  test('with links at mount points, names and the working directory makes nothing outside', async () => {
    const layers = [
      machine.layer((folder) => {
        symlinkSync(outside, join(folder, 'work'));
        symlinkSync(`${outside}/volume`, join(folder, 'data'));
        mkdirSync(join(folder, 'etc'));
        for (const name of ['hosts', 'hostname', 'resolv.conf'])
          symlinkSync(`${outside}/${name}`, join(folder, 'etc', name));
      }),
    ];
    const { stdout, exitCode } = await machine.run(
      ['sh', '-c', 'pwd; cat /etc/hostname; touch /data/x; ls secret 2>/dev/null'],
      {
        layers,
        config: { WorkingDir: '/work/below', Volumes: { '/data': {} } },
        hostname: 'inside',
        autoRemove: true,
      },
    );
    assert.equal(stdout, `${outside}/below\ninside\n`);
    assert.notEqual(exitCode, 0);
    assert.deepEqual(readdirSync(outside), ['secret']);
  });

  test('whose working directory is a descriptor of the runtime is refused, said plainly or through a link', async () => {
    const layers = [machine.layer((folder) => symlinkSync('/proc/self/fd/8', join(folder, 'innocent')))];
    for (const WorkingDir of [
      '/proc/self/fd/8',
      '/proc/self/fd/8/../../..',
      '/innocent',
      '/bin/../proc/1/cwd',
      '/dev/fd/9',
    ])
      await assert.rejects(
        machine.run(['true'], { layers, config: { WorkingDir }, autoRemove: true }),
        { code: 'InvalidArgument' },
        WorkingDir,
      );
  });

  test('with a volume under a planted link fills it from inside alone, with owners', async () => {
    const layers = [
      machine.layer((folder) => {
        symlinkSync(outside, join(folder, 'planted'));
        mkdirSync(join(folder, 'real'));
        writeFileSync(join(folder, 'real/kept'), 'content');
        symlinkSync(`${outside}/secret`, join(folder, 'real/link'));
        symlinkSync('real', join(folder, 'alias'));
      }),
    ];
    const mounts = [
      { type: 'volume', name: 'planted', target: '/planted' },
      { type: 'volume', name: 'alias', target: '/alias' },
    ] as const;
    const { exitCode } = await machine.run(['true'], { layers, mounts, autoRemove: true });
    assert.equal(exitCode, 0);
    assert.deepEqual(readdirSync(join(machine.root, 'volumes/planted/_data')), []);
    assert.deepEqual(readdirSync(join(machine.root, 'volumes/alias/_data')).sort(), ['kept', 'link']);
    assert.ok(lstatSync(join(machine.root, 'volumes/alias/_data/link')).isSymbolicLink());
  });

  test('says nothing to the runtime by labels', async () => {
    const container = await machine.create(['sleep', '30'], {
      config: {
        Labels: { 'run.oci.hooks.stdout': '/x', 'run.oci.seccomp_bpf_data': 'AAAA', 'run.oci.handler': 'krun' },
      },
    });
    await startDetached(machine.root, container, machine.snapshot(container), {
      exitCommand: machine.exitCommand(container),
    });
    const spec = JSON.parse(readFileSync(join(bundleOf(container.folder), 'config.json'), 'utf8'));
    assert.deepEqual(
      Object.keys(spec.annotations ?? {}).filter((name) => name !== 'run.oci.seccomp_bpf_data'),
      [],
    );
    assert.notEqual(spec.annotations?.['run.oci.seccomp_bpf_data'], 'AAAA');
  });

  test('can’t lead cp out of it, nor exec', async () => {
    const container = await machine.create(['sleep', '30']);
    await startDetached(machine.root, container, machine.snapshot(container), {
      exitCommand: machine.exitCommand(container),
    });
    const running = requireContainer(machine.root, container.id);
    const make = `busybox mkdir /t; busybox ln -s ${outside} /t/out; busybox ln -s /proc/self/fd/8 /t/fd; busybox rm /etc/passwd; busybox ln -s ${outside}/secret /etc/passwd`;
    assert.equal(
      (await execInContainer(machine.root, running, { command: ['sh', '-c', make], proxySignals: false })).exitCode,
      0,
    );
    const root = liveRootOf(running) as string;
    await assert.rejects(gather(copyFromRoot(root, '/t/out/secret')), { code: 'NotFound' });
    await assert.rejects(copyToRoot(root, '/t/out', noTar()), { code: 'NotFound' });
    await assert.rejects(execInContainer(machine.root, running, { command: ['true'], workingDir: '/t/fd' }), {
      code: 'NotFound',
    });
    await assert.rejects(execInContainer(machine.root, running, { command: ['true'], user: 'host' }), {
      code: 'InvalidArgument',
    });
    const tar = Buffer.concat(await gather(copyFromRoot(root, '/bin')));
    await copyToRoot(root, '/t', one(tar));
    assert.ok(existsSync(`${root}/t/bin/busybox`));
    assert.deepEqual(readdirSync(outside), ['secret']);
  });
});

async function* noTar(): AsyncGenerator<Buffer> {}

async function* one(tar: Buffer): AsyncGenerator<Buffer> {
  yield tar;
}
