import assert from 'node:assert/strict';
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { overlayChanges, packLayer, readToc } from '../../src/layer/index.ts';
import { AT_FDCWD, changeTimesAt, makeDevice, mknodAt, mount, setXattr, unmount } from '../../src/linux/index.ts';
import { type LayerInput, openTarSource, openUnionFs } from '../../src/union/index.ts';
import { type Member, type Operation, SET_TIME } from './union-operations.ts';
import { kernelWorld, unionWorld, type World } from './union-worlds.ts';

const LAYER_TIME = 1_000_000_000_000_000_000n;

/** Layers, and what is done on top of them. */
export interface UnionCase {
  readonly layers: readonly (readonly Member[])[];
  readonly operations: readonly Operation[];
}

/** What lies below our union: the directories that the kernel has too, or their tables of contents and tars. */
export type Below = 'folders' | 'tables';

/**
 * Does the same on kernel overlayfs and on ours, over the same layers: every answer, every errno and the trees at the end are equal; then
 * the kernel shows what we wrote, and we show what it wrote, and both are that same tree.
 */
export async function compareWithKernel({ layers, operations }: UnionCase, below: Below): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'union-case-'));
  const at = (name: string): string => join(folder, name);
  const sources: Disposable[] = [];
  try {
    for (const name of ['merged', 'upper', 'work', 'own-upper', 'own-work', 'spare-work']) mkdirSync(at(name));
    const folders = layers.map((members, index) => {
      makeLayer(at(`layer-${index}`), members);
      return at(`layer-${index}`);
    });
    const inputs = below === 'folders' ? folders.map((path) => ({ path })) : await tablesOf(folders, sources);

    const expected = await onKernel(folders, at('merged'), { upper: at('upper'), work: at('work') }, async (kernel) =>
      onUnion(inputs, { path: at('own-upper'), work: at('own-work') }, async (union) => {
        for (const [index, operation] of operations.entries()) {
          const [wanted, got] = [await kernel.apply(operation), await union.apply(operation)];
          assert.equal(got, wanted, `operation ${index}, ${JSON.stringify(operation, withBigints)}`);
        }
        const tree = await dump(kernel);
        assert.deepEqual(await dump(union), tree, 'the trees at the end');
        return tree;
      }),
    );
    const written = await onKernel(
      folders,
      at('merged'),
      { upper: at('own-upper'), work: at('own-work') },
      async (kernel) => dump(kernel),
    );
    assert.deepEqual(written.map(withoutIdentity), expected.map(withoutIdentity), 'what the kernel shows of our upper');
    const read = await onUnion(inputs, { path: at('upper'), work: at('spare-work') }, async (union) => dump(union));
    assert.deepEqual(read.map(withoutIdentity), expected.map(withoutIdentity), 'what we show of the kernel’s upper');
  } finally {
    for (const source of sources) source[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  }
}

function makeLayer(root: string, members: readonly Member[]): void {
  mkdirSync(root);
  const directories: string[] = [''];
  for (const member of members) {
    const { path } = member;
    const place = `${root}/${path}`;
    if (!makeParents(root, path, directories) || lstatSync(place, { throwIfNoEntry: false })) continue;
    makeMember(root, member);
    if (member.kind === 'directory') directories.push(path);
    else changeTimesAt(AT_FDCWD, place, LAYER_TIME, LAYER_TIME + BigInt(path.length));
  }
  for (const path of directories) changeTimesAt(AT_FDCWD, `${root}/${path}`, LAYER_TIME, LAYER_TIME);
}

/** False where a part of the way is no directory. */
function makeParents(root: string, path: string, made: string[]): boolean {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    const parent = path.slice(0, end);
    const stats = lstatSync(`${root}/${parent}`, { throwIfNoEntry: false });
    if (stats && !stats.isDirectory()) return false;
    if (stats) continue;
    mkdirSync(`${root}/${parent}`);
    made.push(parent);
  }
  return true;
}

function makeMember(root: string, member: Member): void {
  const place = `${root}/${member.path}`;
  switch (member.kind) {
    case 'directory':
      mkdirSync(place);
      chmodSync(place, member.mode);
      if (member.opaque) setXattr(place, 'trusted.overlay.opaque', Buffer.from('y'));
      break;
    case 'file':
      writeFileSync(place, member.text);
      chmodSync(place, member.mode);
      if (member.xattr) setXattr(place, 'user.one', Buffer.from(member.text));
      break;
    case 'symlink':
      symlinkSync(member.target, place);
      break;
    case 'link':
      if (isLinkable(`${root}/${member.to}`)) linkSync(`${root}/${member.to}`, place);
      else writeFileSync(place, 'alone');
      break;
    case 'fifo':
      mknodAt(AT_FDCWD, place, 0o010600, 0n);
      break;
    case 'device':
      mknodAt(AT_FDCWD, place, 0o020600, makeDevice(1, 3));
      break;
    case 'whiteout':
      mknodAt(AT_FDCWD, place, 0o020000, makeDevice(0, 0));
  }
}

function isLinkable(path: string): boolean {
  try {
    return lstatSync(path).isFile();
  } catch {
    return false;
  }
}

/** The layers as an image has them: each packed into a tar, with its table. */
async function tablesOf(folders: readonly string[], sources: Disposable[]): Promise<LayerInput[]> {
  const inputs: LayerInput[] = [];
  for (const [index, folder] of folders.entries()) {
    const tar = Buffer.concat(
      await Array.fromAsync(packLayer(overlayChanges(folder, folders.slice(0, index).reverse()))),
    );
    writeFileSync(`${folder}.tar`, tar);
    const source = openTarSource(`${folder}.tar`);
    sources.push(source);
    inputs.push({ entries: (await readToc(once(tar))).entries, source });
  }
  return inputs;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function onKernel<Result>(
  folders: readonly string[],
  merged: string,
  { upper, work }: { upper: string; work: string },
  use: (world: World) => Promise<Result>,
): Promise<Result> {
  const options = `lowerdir=${folders.toReversed().join(':')},upperdir=${upper},workdir=${work}`;
  mount('overlay', merged, 'overlay', 0, `${options},index=off,metacopy=off,redirect_dir=off`);
  const world = kernelWorld(merged);
  try {
    return await use(world);
  } finally {
    await world.close();
    unmount(merged);
  }
}

async function onUnion<Result>(
  layers: readonly LayerInput[],
  upper: { path: string; work: string },
  use: (world: World) => Promise<Result>,
): Promise<Result> {
  using fs = openUnionFs({ layers, upper });
  const world = unionWorld(fs);
  try {
    return await use(world);
  } finally {
    await world.close();
  }
}

/** All that is seen, a line a name. Times that the test set are told as they are, others only by being recent. */
async function dump(world: World): Promise<string[]> {
  const lines: string[] = [];
  const firsts = new Map<number, string>();
  const visit = async (path: string): Promise<void> => {
    const { mode, nlink, ino, uid, gid, size, mtime, content, xattrs } = await world.describe(path);
    const isDirectory = (mode & 0o170000) === 0o040000;
    const first = firsts.get(ino) ?? path;
    firsts.set(ino, first);
    const time = mtime < SET_TIME + 1_000_000_000n ? mtime : 'recent';
    const identity = `#${isDirectory ? '' : first} ${nlink}`;
    lines.push([path, mode.toString(8), uid, gid, size, time, content, xattrs.join(), identity].join(' '));
    if (isDirectory) for (const name of await world.names(path)) await visit(path === '' ? name : `${path}/${name}`);
  };
  for (const name of await world.names('.')) await visit(name);
  return lines;
}

/** Another mount may number files otherwise; lower links that were never looked up stay whole in one and not in the other. */
function withoutIdentity(line: string): string {
  return line.slice(0, line.lastIndexOf('#'));
}

function withBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
