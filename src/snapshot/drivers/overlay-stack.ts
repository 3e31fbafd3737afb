import { chmodSync, existsSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listXattrs, readXattrs, setXattr } from '../../linux/index.ts';
import type { Digest } from '../../oci/index.ts';
import { EngineError, isErrno } from '../../std/index.ts';
import type { Driver } from '../driver.ts';
import type { Snapshot, SnapshotFolder } from '../folder.ts';
import { listMounts } from '../mount-table.ts';
import { copyRootMetadata } from '../tree-metadata.ts';
import { inUserNamespace } from '../user-namespace.ts';
import { mountOverlay, type OverlayMount, overlayOptions } from './overlay-mount.ts';

/** Short names of the layers: one page of mount options must hold 128 of them. */
const LINKS = '.l';
/** The lower of what has no other; the kernel wants one under an upper and two without. */
const EMPTY = '.empty';

/** What is particular to a driver that unites layers by the kernel's overlayfs. */
export interface StackOptions extends Pick<Driver, 'unpack' | 'usage'> {
  /** Sees to it that the trees of these layers can be read (`fs/` of each); comes before anything looks at them. */
  ready(chain: readonly Digest[]): void;
}

/**
 * A driver whose committed snapshots are trees (`fs/`) of one layer each, with whiteouts and opaque marks as overlay writes them, and whose
 * active ones are an upper (`fs/`) and a work folder.
 */
export function stackDriver(folder: SnapshotFolder, { unpack, usage, ready }: StackOptions): Driver {
  for (const own of [LINKS, EMPTY]) mkdirSync(join(folder.path, own), { recursive: true, mode: 0o755 });
  const userXattr = inUserNamespace();

  const overlayOf = ({ name, record }: Snapshot): OverlayMount => {
    ready(record.chain);
    const lowers = record.chain.map((lower) => `${LINKS}/${linkName(lower)}`);
    return {
      folder: folder.path,
      lowers: lowers.length === 0 || record.view ? [...lowers, EMPTY] : lowers,
      ...(!record.view && { upper: { path: `${name}/fs`, work: `${name}/work` } }),
      ...(record.volatile && { volatile: true }),
      userXattr,
    };
  };

  return {
    name: folder.driver,
    unpack,
    async prepare(place, chain, { view }) {
      if (view) return;
      mkdirSync(join(place, 'work'), { mode: 0o700 });
      const upper = join(place, 'fs'); // its metadata is the merged root's
      mkdirSync(upper);
      ready(chain.slice(0, 1));
      if (chain[0]) dressRoot(join(folder.path, chain[0]), upper);
      else chmodSync(upper, 0o755); // whatever the umask
    },
    mounts: (snapshot) => [
      { type: 'overlay', source: 'overlay', options: overlayOptions(overlayOf(snapshot)), cwd: folder.path },
    ],
    mount: (snapshot, target) => mountOverlay(overlayOf(snapshot), target),
    leftovers: (place) =>
      listMounts().filter(({ type, options }) => type === 'overlay' && options.includes(`upperdir=${place}/fs`)),
    async *changes({ path, record }) {
      if (record.view) return;
      const { overlayChanges } = await import('../../layer/index.ts');
      ready(record.chain);
      yield* overlayChanges(join(path, 'fs'), lowersOf(folder, record.chain));
    },
    usage,
    publishing: (name) => link(folder, name),
    settled(place) {
      rmSync(join(place, 'work'), { recursive: true, force: true });
      noteRootXattrs(place, listXattrs(join(place, 'fs')));
    },
    removed: (name) => rmSync(join(folder.path, LINKS, linkName(name)), { force: true }),
  };
}

/** The trees of a chain, the top one first. */
export function lowersOf(folder: SnapshotFolder, chain: readonly Digest[]): string[] {
  return chain.map((name) => join(folder.path, name, 'fs'));
}

/** Beside a layer whose root has attributes: only then must a new upper be given them, which takes native code. */
const ROOT_XATTRS = 'root-xattrs';

/** Remembers of the layer at `place` whether its root has attributes; `names` are all that it has. */
export function noteRootXattrs(place: string, names: Iterable<string>): void {
  if ([...names].some(isCarried)) writeFileSync(join(place, ROOT_XATTRS), '');
}

/** The merged root shows its upper's metadata, so that must be the one of the layer below. */
function dressRoot(parent: string, upper: string): void {
  const root = join(parent, 'fs');
  if (existsSync(join(parent, ROOT_XATTRS))) {
    for (const [name, value] of readXattrs(root)) if (isCarried(name)) setXattr(upper, name, value);
  }
  copyRootMetadata(root, upper);
}

/** Not overlay's own marks, nor labels that are the host's. */
function isCarried(name: string): boolean {
  return !/^(trusted|user\.overlay|security)\./.test(name);
}

/** 72 bits of the digest: the same link whenever the layer is made again, so that what stands on it finds it. */
function linkName(name: Digest): string {
  return Buffer.from(name.slice(name.indexOf(':') + 1), 'hex').toString('base64url', 0, 9);
}

function link(folder: SnapshotFolder, name: Digest): void {
  const path = join(folder.path, LINKS, linkName(name));
  const target = `../${name}/fs`;
  try {
    symlinkSync(target, path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const other = readlinkSync(path);
    if (other !== target) throw new EngineError('Internal', `${path} leads to ${other}, not to ${target}`);
  }
}
