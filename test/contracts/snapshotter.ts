import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chainIDs, type Digest, digestOf } from '../../src/oci/index.ts';
import { checkSnapshots, openSnapshotter, repairSnapshots, type Snapshotter } from '../../src/snapshot/index.ts';
import { type ErrorCode, GrowingFile, hasCode } from '../../src/std/index.ts';
import { describeTree } from './describe-tree.ts';
import { inputOf, layerOf, type Member, MTIME } from './layer-input.ts';
import { unmountBelow } from './unmount-below.ts';

/** A state folder of a test, and a snapshotter on it. */
interface Subject extends AsyncDisposable {
  readonly root: string;
  readonly snapshots: Snapshotter;
}

/** Layers of a stack, kills of each action, rounds of a race; fewer where processors are emulated (test/vm). */
const [LAYERS, KILLS, ROUNDS] = process.env['STRATA_TEST_SLOW'] ? [12, 1, 5] : [120, 5, 30];

const is = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

/** What every storage driver must do. Each driver's test calls this once; `skip` says why it can't here, `folder` is another place than the
 * temporary one, emptied by whoever made it, where times may have no fraction (`wholeSeconds`). */
export function snapshotterContract(
  driver: string,
  { skip, folder, wholeSeconds }: { skip: string | false; folder?: string; wholeSeconds?: boolean },
): void {
  const time = (ns: bigint): bigint => (wholeSeconds ? ns - (ns % 1_000_000_000n) : ns);
  let probed: Buffer | undefined;
  const subject = async (): Promise<Subject> => {
    const root = mkdtempSync(join(folder ?? tmpdir(), `strata-${driver}-`));
    const memory = join(root, 'snapshots', 'probe.json');
    mkdirSync(join(root, 'snapshots'), { mode: 0o711 });
    if (probed !== undefined) writeFileSync(memory, probed); // to try all drivers again and again takes longest
    const snapshots = await openSnapshotter({ root, driver });
    probed ??= readFileSync(memory);
    return {
      root,
      snapshots,
      async [Symbol.asyncDispose]() {
        await snapshots[Symbol.asyncDispose]();
        unmountBelow(root);
        if (folder === undefined) rmSync(root, { recursive: true, force: true });
      },
    };
  };

  describe(`${driver} is a Snapshotter`, { skip }, () => {
    test('a stack of layers shows the union of them', async () => {
      await using on = await subject();
      const top = await unpackStack(on, [
        [
          { name: './', mode: 0o751, uid: 3 },
          { name: 'etc/' },
          { name: 'etc/kept', content: 'kept' },
          { name: 'etc/changed', content: 'old' },
          { name: 'etc/gone', content: 'gone' },
        ],
        [
          { name: 'etc/' },
          { name: 'etc/changed', content: 'new' },
          { name: 'etc/.wh.gone' },
          { name: 'etc/more', content: 'm' },
        ],
      ]);
      const tree = await show(on, top);
      assert.deepEqual([...tree.keys()], ['', 'etc', 'etc/changed', 'etc/kept', 'etc/more']);
      assert.match(tree.get('') as string, /^40751 3:0 /);
      assert.match(tree.get('etc/changed') as string, contentOf('new'));
    });

    test('an opaque directory hides what is below it, and a directory made again after its deletion too', async () => {
      await using on = await subject();
      const below: Member[] = [
        { name: 'opaque/' },
        { name: 'opaque/hidden' },
        { name: 'again/' },
        { name: 'again/hidden' },
        { name: 'again/deep/' },
        { name: 'again/deep/hidden' },
      ];
      const top = await unpackStack(on, [
        below,
        [
          { name: 'opaque/' },
          { name: 'opaque/.wh..wh..opq' },
          { name: 'opaque/seen' },
          { name: '.wh.again' },
          { name: 'again/' },
          { name: 'again/deep/' },
          { name: 'again/deep/seen' },
        ],
      ]);
      const names = ['', 'again', 'again/deep', 'again/deep/seen', 'opaque', 'opaque/seen'];
      assert.deepEqual([...(await show(on, top)).keys()], names);
    });

    test('an opaque root hides all layers below', async () => {
      await using on = await subject();
      const layers: Member[][] = [[{ name: 'old' }], [{ name: '.wh..wh..opq' }, { name: 'new' }], [{ name: 'newer' }]];
      assert.deepEqual([...(await show(on, await unpackStack(on, layers))).keys()], ['', 'new', 'newer']);
    });

    test('a hard link reaches a file of a lower layer', async () => {
      await using on = await subject();
      const top = await unpackStack(on, [
        [{ name: 'bin/' }, { name: 'bin/tool', content: 'tool', mode: 0o4755, uid: 7 }],
        [{ name: 'bin/alias', type: 'hardlink', linkName: 'bin/tool' }],
      ]);
      const tree = await show(on, top);
      const alias = tree.get('bin/alias') as string;
      assert.match(alias, /^104755 7:0 /);
      assert.match(alias, contentOf('tool'));
    });

    test('files, directories and links take each other’s places', async () => {
      await using on = await subject();
      const top = await unpackStack(on, [
        [
          { name: 'a' },
          { name: 'b/' },
          { name: 'b/in' },
          { name: 'c', type: 'symlink', linkName: 'b' },
          { name: 'd/' },
        ],
        [
          { name: 'a/' },
          { name: 'a/in', content: 'dir now' },
          { name: 'b', content: 'file now' },
          { name: 'c/' },
          { name: 'c/in' },
          { name: 'd', type: 'symlink', linkName: 'a' },
        ],
      ]);
      const tree = await show(on, top);
      assert.deepEqual([...tree.keys()], ['', 'a', 'a/in', 'b', 'c', 'c/in', 'd']);
      assert.match(tree.get('d') as string, / a /);
    });

    test('everything a layer carries arrives: odd names, devices, attributes, capabilities, holes, times', async () => {
      await using on = await subject();
      const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
      const top = await unpackStack(on, [
        [
          { name: 'dir/', mtime: MTIME + 5n, mode: 0o1777 },
          { name: 'dir/\udcff\udcfe odd \n', content: 'odd' },
          { name: `dir/${'long'.repeat(60)}`, content: 'long' },
          { name: 'null', type: 'character', device: { major: 1, minor: 3 }, mode: 0o666 },
          { name: 'disk', type: 'block', device: { major: 259, minor: 300 } },
          { name: 'pipe', type: 'fifo', uid: 5, gid: 70_000 },
          { name: 'ping', content: 'ping', mode: 0o755, xattrs: new Map([['security.capability', capability]]) },
          { name: 'note', content: 'n', xattrs: new Map([['user.note', Buffer.from([0, 255, 10])]]) },
          { name: 'link', type: 'symlink', linkName: '/no/where', mode: 0o777, mtime: 5n },
          { name: 'sparse', content: 'data', size: 1 << 20, sparse: [{ offset: 500_000, length: 4 }] },
        ],
        [{ name: 'unrelated' }],
      ]);
      const tree = await show(on, top);
      assert.match(tree.get('dir') as string, new RegExp(`^41777 0:0 ${time(MTIME + 5n)} `));
      assert.match(tree.get('dir/\udcff\udcfe odd \n') as string, contentOf('odd'));
      assert.match(tree.get(`dir/${'long'.repeat(60)}`) as string, contentOf('long'));
      assert.match(tree.get('null') as string, /^20666 0:0 \d+ {3}259( |$)/);
      assert.match(tree.get('pipe') as string, /^10644 5:70000 /);
      assert.match(tree.get('ping') as string, new RegExp(`security.capability=${capability.toString('hex')}`));
      assert.match(tree.get('note') as string, /user\.note=00ff0a/);
      assert.match(tree.get('link') as string, new RegExp(`^120777 0:0 ${time(5n)} {2}/no/where`));
      assert.match(tree.get('sparse') as string, / 1048576 /);
      assert.ok((await on.snapshots.usage(top)).bytes < 300_000, 'holes stay holes');
    });

    test(`a stack of ${LAYERS} layers works`, { timeout: 120_000 }, async () => {
      await using on = await subject();
      const layers = Array.from({ length: LAYERS }, (_, i): Member[] => [
        { name: `layer-${i}`, content: `${i}` },
        { name: 'same', content: `${i}` },
      ]);
      const top = await unpackStack(on, layers);
      const tree = await show(on, top);
      assert.equal(tree.size, LAYERS + 2);
      assert.match(tree.get('same') as string, contentOf(`${LAYERS - 1}`));
      const active = await on.snapshots.prepare('deep', top);
      await using _ = await active.mount(target(on));
      writeFileSync(join(target(on), 'layer-0'), 'changed');
      assert.equal(readFileSync(join(target(on), 'layer-1'), 'utf8'), '1');
    });

    test('layers of one image unpack at once, in any order, while their blobs still grow', async () => {
      await using on = await subject();
      const layers = await Promise.all([0, 1, 2].map((i) => layerOf([{ name: `file-${i}`, content: `${i}` }])));
      const names = chainIDs(layers.map((layer) => digestOf(layer)));
      const growing = layers.map((_, i) => new GrowingFile(join(on.root, `blob-${i}`)));
      for (const { path } of growing) writeFileSync(path, '');
      const unpacking = layers.map((layer, i) =>
        on.snapshots.unpack(names[i] as Digest, {
          blob: growing[i] as GrowingFile,
          diffID: digestOf(layer),
          ...(i > 0 && { parent: names[i - 1] as Digest }),
        }),
      );
      for (const i of [2, 1, 0]) {
        const [layer, blob] = [layers[i] as Buffer, growing[i] as GrowingFile];
        for (const part of [700, layer.length]) {
          writeFileSync(blob.path, layer.subarray(0, part));
          blob.advance(part);
          await sleep(20);
        }
        blob.finish();
        if (i > 0) assert.equal(await on.snapshots.has(names[i] as Digest), false, 'not before its parent');
      }
      await Promise.all(unpacking);
      assert.deepEqual([...(await show(on, names[2] as Digest)).keys()], ['', 'file-0', 'file-1', 'file-2']);
    });

    test('a layer that is not what its diffID says leaves nothing', async () => {
      await using on = await subject();
      const layer = await layerOf([{ name: 'file', content: 'x' }]);
      const name = digestOf(layer);
      const wrong = { ...inputOf(on.root, layer), diffID: digestOf('another') };
      await assert.rejects(on.snapshots.unpack(name, wrong), is('DataLoss'));
      assert.equal(await on.snapshots.has(name), false);
      assert.deepEqual(checkSnapshots(on.root), []);
      await on.snapshots.unpack(name, inputOf(on.root, layer));
      assert.equal(await on.snapshots.has(name), true);
    });

    test('an aborted unpack throws the reason it was given and leaves nothing', async () => {
      await using on = await subject();
      const layer = await layerOf([{ name: 'file', content: 'x' }]);
      const abort = new AbortController();
      const reason = new Error('changed my mind');
      const orphan = { ...inputOf(on.root, layer, digestOf('never comes')), signal: abort.signal };
      const unpacking = on.snapshots.unpack(digestOf('child'), orphan);
      setTimeout(() => abort.abort(reason), 50);
      await assert.rejects(unpacking, (error) => error === reason);
      await on.snapshots[Symbol.asyncDispose]();
      assert.deepEqual(checkSnapshots(on.root), []);
    });

    test('two unpackers of one name in two snapshotters: both find it made', async () => {
      await using on = await subject();
      const other = await openSnapshotter({ root: on.root, driver });
      const layer = await layerOf([{ name: 'file', content: 'x'.repeat(100_000) }]);
      const name = digestOf(layer);
      await Promise.all([on.snapshots, other, on.snapshots].map((one) => one.unpack(name, inputOf(on.root, layer))));
      assert.deepEqual([...(await show(on, name)).keys()], ['', 'file']);
      assert.deepEqual(checkSnapshots(on.root), []);
    });

    test('changes of a container are told, committed and shown by the next', async () => {
      await using on = await subject();
      const base = await unpackStack(on, [
        [
          { name: 'etc/' },
          { name: 'etc/a', content: 'a' },
          { name: 'etc/b', content: 'b' },
          { name: 'dir/' },
          { name: 'dir/x' },
        ],
      ]);
      const active = await on.snapshots.prepare('work', base);
      assert.deepEqual(await collect(active.changes()), []);
      const commit = async (): Promise<string[]> => {
        await using _ = await active.mount(target(on));
        writeFileSync(join(target(on), 'etc/a'), 'changed');
        rmSync(join(target(on), 'etc/b'));
        writeFileSync(join(target(on), 'etc/c'), 'c');
        rmSync(join(target(on), 'dir'), { recursive: true });
        mkdirSync(join(target(on), 'dir'));
        writeFileSync(join(target(on), 'dir/y'), 'y');
        await assert.rejects(active.commit(digestOf('top')), is('Conflict'));
        return await listChanges(active.changes());
      };
      const mounted = await commit();
      assert.deepEqual(await listChanges(active.changes()), mounted, 'works mounted or not');
      for (const change of ['modify etc/a', 'delete etc/b', 'add etc/c', 'add dir/y'])
        assert.ok(mounted.includes(change));
      await active.commit(digestOf('top'));
      await assert.rejects(on.snapshots.open('work'), is('NotFound'));
      const info = await on.snapshots.stat(digestOf('top'));
      assert.deepEqual([info?.kind, info?.parent], ['committed', base]);
      assert.deepEqual([...(await show(on, digestOf('top'))).keys()], ['', 'dir', 'dir/y', 'etc', 'etc/a', 'etc/c']);
      assert.deepEqual(checkSnapshots(on.root), []);
    });

    test('a root with attributes of its own is no change of what stands on it', async () => {
      await using on = await subject();
      const xattrs = new Map([['user.note', Buffer.from('root')]]);
      const top = await unpackStack(on, [[{ name: './', mode: 0o711, uid: 9, xattrs }, { name: 'file' }]]);
      const active = await on.snapshots.prepare('work', top);
      assert.deepEqual(await listChanges(active.changes()), []);
      await using _ = await active.mount(target(on));
      assert.match(describeTree(target(on)).get('') as string, /^40711 9:0 .*user\.note=726f6f74/);
    });

    test('a snapshot on nothing begins empty, and its root has the mode of a root', async () => {
      await using on = await subject();
      const active = await on.snapshots.prepare('scratch');
      await using _ = await active.mount(target(on));
      assert.equal(statSync(target(on)).mode & 0o7777, 0o755);
      writeFileSync(join(target(on), 'first'), '1');
      assert.deepEqual(await listChanges(active.changes()), ['add first']);
    });

    test('a taken name can be neither prepared nor committed', async () => {
      await using on = await subject();
      await (await on.snapshots.prepare('a')).commit(digestOf('a'));
      const again = await on.snapshots.prepare('a');
      await assert.rejects(on.snapshots.prepare('a'), is('AlreadyExists'));
      await assert.rejects(again.commit(digestOf('a')), is('AlreadyExists'));
      assert.equal((await on.snapshots.open('a')).key, 'a', 'a refused commit leaves it active');
    });

    test('keys that could leave the folder are refused', async () => {
      await using on = await subject();
      for (const key of ['', '.', '..', '../x', 'a/b', '.hidden', 'a\0b', 'ä', 'x'.repeat(201), 'sha256:12']) {
        await assert.rejects(on.snapshots.prepare(key), is('InvalidArgument'), JSON.stringify(key));
        await assert.rejects(on.snapshots.remove(key), is('InvalidArgument'), JSON.stringify(key));
      }
      await assert.rejects(on.snapshots.prepare('x', digestOf('unknown')), is('NotFound'));
      await assert.rejects(on.snapshots.open('unknown'), is('NotFound'));
      assert.equal(await on.snapshots.stat('unknown'), undefined);
      await on.snapshots.remove('unknown');
      await on.snapshots.remove(digestOf('unknown'));
    });

    test('a parent with children cannot be removed', async () => {
      await using on = await subject();
      await (await on.snapshots.prepare('a')).commit(digestOf('a'));
      await (await on.snapshots.prepare('b', digestOf('a'))).commit(digestOf('b'));
      await assert.rejects(on.snapshots.remove(digestOf('a')), is('Conflict'));
      await on.snapshots.view('v', digestOf('b'));
      await assert.rejects(on.snapshots.remove(digestOf('b')), is('Conflict'));
      for (const name of ['v', digestOf('b'), digestOf('a')]) await on.snapshots.remove(name);
      assert.deepEqual(await collect(on.snapshots.walk()), []);
      assert.deepEqual(checkSnapshots(on.root), []);
    });

    test('a parent goes or stays whole while others begin to stand on it', async () => {
      await using on = await subject();
      const other = await openSnapshotter({ root: on.root, driver });
      const parent = digestOf('parent');
      for (let round = 0; round < ROUNDS; round++) {
        if (!(await other.has(parent))) await (await other.prepare('seed')).commit(parent);
        const [begun, removed] = await Promise.allSettled([
          on.snapshots.prepare('child', parent),
          other.remove(parent),
        ]);
        assert.equal(await other.has(parent), (await other.stat('child')) !== undefined);
        if (begun.status === 'rejected') assert.ok(hasCode(begun.reason, 'NotFound'), String(begun.reason));
        if (removed.status === 'rejected') assert.ok(hasCode(removed.reason, 'Conflict'), String(removed.reason));
        await other.remove('child');
      }
    });

    test('a view shows, refuses writes and cannot be committed', async () => {
      await using on = await subject();
      const top = await unpackStack(on, [[{ name: 'file', content: 'x' }]]);
      const view = await on.snapshots.view('v', top);
      await using _ = await view.mount(target(on));
      assert.throws(() => writeFileSync(join(target(on), 'file'), 'y'), { code: 'EROFS' });
      assert.deepEqual(await collect(view.changes()), []);
      await assert.rejects(view.commit(digestOf('v')), is('Conflict'));
    });

    test('a mounted snapshot is neither mounted again nor removed', async () => {
      await using on = await subject();
      const active = await on.snapshots.prepare('once');
      {
        await using _ = await active.mount(target(on));
        const second = await (await openSnapshotter({ root: on.root, driver })).open('once');
        await assert.rejects(second.mount(target(on, 'second')), is('Conflict'));
        await assert.rejects(on.snapshots.remove('once'), is('Conflict'));
      }
      await using again = await active.mount(target(on));
      assert.ok(again);
    });

    test('who mounts it elsewhere holds it by its lock file', async () => {
      await using on = await subject();
      const active = await on.snapshots.prepare('elsewhere');
      const script = 'exec 9<>"$0"; flock -n 9; echo held; exec sleep 30'; // the mounted command inherits the descriptor
      const holder = spawn('sh', ['-c', script, active.lockPath], { stdio: ['ignore', 'pipe', 'inherit'] });
      assert.equal(await firstWord(holder), 'held\n');
      await assert.rejects(active.mount(target(on)), is('Conflict'));
      await assert.rejects(on.snapshots.remove('elsewhere'), is('Conflict'));
      await kill(holder);
      await on.snapshots.remove('elsewhere');
      assert.equal(await on.snapshots.stat('elsewhere'), undefined);
    });

    test('what a killed process left mounted is unmounted by the next', async () => {
      await using on = await subject();
      await on.snapshots.prepare('left');
      const victim = start(on.root, driver, 'mount', target(on));
      await firstWord(victim);
      await kill(victim);
      assert.equal(readFileSync(join(target(on), 'file'), 'utf8'), 'written');
      const active = await on.snapshots.open('left');
      await using _ = await active.mount(target(on, 'other'));
      assert.equal(readFileSync(join(target(on, 'other'), 'file'), 'utf8'), 'written');
      assert.equal(existsSync(join(target(on), 'file')), false);
    });

    test('another process opens what this one prepared', async () => {
      await using on = await subject();
      const top = await unpackStack(on, [[{ name: 'file', content: 'x' }]]);
      await on.snapshots.prepare('shared', top);
      const other = start(on.root, driver, 'open', 'shared');
      assert.deepEqual(JSON.parse(await firstWord(other)), { kind: 'active', parent: top });
      await once(other, 'exit');
    });

    test('usage counts a file of two names once, and only what is the snapshot’s own', async () => {
      await using on = await subject();
      const content = randomBytes(64 * 1024);
      const top = await unpackStack(on, [
        [
          { name: 'one', content },
          { name: 'two', type: 'hardlink', linkName: 'one' },
        ],
      ]);
      const { bytes, inodes } = await on.snapshots.usage(top);
      assert.equal(inodes, 2);
      assert.ok(bytes >= content.length && bytes < 2 * content.length);
      assert.deepEqual(await on.snapshots.usage(top), { bytes, inodes }, 'and remembers it');
      await assert.rejects(on.snapshots.usage('unknown'), is('NotFound'));
    });

    test('what the machine may have lost is made again, what was synced is not', async () => {
      await using on = await subject();
      const layer = await layerOf([{ name: 'file', content: 'x' }]);
      const name = digestOf(layer);
      await on.snapshots.unpack(name, inputOf(on.root, layer));
      const record = join(on.root, 'snapshots', driver, name, 'record.json');
      const anotherBoot = () => ({ ...JSON.parse(readFileSync(record, 'utf8')), boot: 'another' });
      const active = await on.snapshots.prepare('container', name);
      writeFileSync(record, JSON.stringify(anotherBoot()));
      assert.equal(await on.snapshots.has(name), false);
      assert.throws(() => active.mounts, is('Unavailable'));
      assert.deepEqual(
        checkSnapshots(on.root)
          .map(({ kind }) => kind)
          .sort(),
        ['no-parent', 'unsafe'],
      );
      await on.snapshots.unpack(name, inputOf(on.root, layer));
      assert.equal(active.mounts.length, 1, 'its containers find it again');
      await on.snapshots.sync();
      writeFileSync(record, JSON.stringify(anotherBoot()));
      assert.equal(await on.snapshots.has(name), true);
      writeFileSync(record, '');
      assert.equal(await on.snapshots.has(name), false, 'a torn record is none');
    });

    test('removing a big tree leaves nothing, even where the removal is interrupted', async () => {
      await using on = await subject();
      const many = Array.from({ length: 2000 }, (_, i): Member => ({ name: `d${i % 10}/f${i}` }));
      const top = await unpackStack(on, [many]);
      await on.snapshots.remove(top);
      assert.equal(await on.snapshots.has(top), false);
      mkdirSync(join(on.root, 'trash', 'left'), { recursive: true });
      symlinkSync('/etc', join(on.root, 'trash', 'left', 'link'));
      await repairSnapshots(on.root);
      assert.deepEqual(checkSnapshots(on.root), []);
      assert.ok(existsSync('/etc/passwd'));
    });

    for (const action of ['unpack', 'commit', 'remove']) {
      test(`a kill in the middle of ${action} leaves what the next call finishes`, { timeout: 60_000 }, async () => {
        await using on = await subject();
        for (let round = 0; round < KILLS; round++) {
          const victim = start(on.root, driver, action, on.root);
          await firstWord(victim);
          await sleep(Math.random() * 60);
          await kill(victim);
          const harmful = checkSnapshots(on.root).filter(({ kind }) => kind !== 'stray' && kind !== 'trash');
          assert.deepEqual(harmful, []);
        }
        const last = start(on.root, driver, action, on.root, '1');
        const [code] = await once(last, 'exit');
        assert.equal(code, 0, 'the next call succeeds');
        const young = /^\.(new|gone)-/; // a stage that was killed before it had a lock is known by its age
        assert.deepEqual(
          (await repairSnapshots(on.root)).filter(({ name }) => !young.test(name)),
          [],
        );
      });
    }
  });
}

/** Where snapshots are mounted by these tests. */
function target({ root }: Subject, name = 'target'): string {
  const path = join(root, 'mnt', name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Unpacks a stack, lowest first; the name of its top. */
export async function unpackStack(
  on: Omit<Subject, keyof AsyncDisposable>,
  stack: readonly (readonly Member[])[],
): Promise<Digest> {
  const layers = await Promise.all(stack.map((members) => layerOf(members)));
  const names = chainIDs(layers.map((layer) => digestOf(layer)));
  const abort = new AbortController();
  const unpacking = layers.map((layer, i) =>
    on.snapshots.unpack(names[i] as Digest, { ...inputOf(on.root, layer, names[i - 1]), signal: abort.signal }),
  );
  try {
    await Promise.all(unpacking);
  } catch (error) {
    abort.abort(error); // what waits for the one that failed
    await Promise.allSettled(unpacking);
    throw error;
  }
  return names.at(-1) as Digest;
}

/** The tree of a committed snapshot, seen through a mounted view. */
export async function show(
  on: Omit<Subject, keyof AsyncDisposable>,
  name: Digest,
  options: { identity?: boolean; wholeSeconds?: boolean } = {},
): Promise<Map<string, string>> {
  const key = `view-${randomBytes(4).toString('hex')}`;
  const view = await on.snapshots.view(key, name);
  const at = join(on.root, key);
  mkdirSync(at);
  try {
    await using _ = await view.mount(at);
    return describeTree(at, options);
  } finally {
    await on.snapshots.remove(key);
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function listChanges(changes: AsyncIterable<{ kind: string; path: string }>): Promise<string[]> {
  return (await collect(changes)).map(({ kind, path }) => `${kind} ${path}`);
}

function contentOf(text: string): RegExp {
  return new RegExp(` ${text.length} ${digestOf(text).slice(7)} `);
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'snapshotter-victim.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** What a process says first; it must not end before. */
async function firstWord(child: ChildProcess): Promise<string> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended at once with ${code}`)));
  const [output] = await Promise.race([once(child.stdout as Readable, 'data'), ended]);
  ended.catch(() => {});
  return String(output);
}

async function kill(victim: ChildProcess): Promise<void> {
  victim.kill('SIGKILL');
  if (victim.exitCode === null && victim.signalCode === null) await once(victim, 'exit');
}
