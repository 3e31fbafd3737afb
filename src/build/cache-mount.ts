import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunMount } from '../dockerfile/index.ts';
import { lockFile } from '../linux/index.ts';
import { digestOf, hexOf } from '../oci/index.ts';
import { hasCode, isErrno, randomHex } from '../std/index.ts';
import { extractTree } from './extract.ts';
import type { Tree } from './tree.ts';

/** Cache mounts that one cannot have are tried under so many further names before waiting. */
const MOST_PRIVATE = 64;

export interface CacheFolder extends Disposable {
  readonly path: string;
}

/** The folder of a cache mount, made and filled where it is new: `build/mounts/<id>`. `locked` and `private` ones are held until disposed. */
export async function openCacheMount(
  root: string,
  mount: RunMount,
  { id, initial, signal }: { id: string; initial?: () => Promise<Tree>; signal: AbortSignal },
): Promise<CacheFolder> {
  const base = join(root, 'build', 'mounts');
  const name = hexOf(
    digestOf(
      JSON.stringify([
        id,
        mount.from ?? null,
        mount.source ?? null,
        mount.mode ?? null,
        mount.uid ?? null,
        mount.gid ?? null,
      ]),
    ),
  );
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const { folder, lock } = await claim(join(base, name), mount.sharing, signal);
  try {
    if (!existsSync(folder)) await make(folder, mount, initial);
    return { path: folder, [Symbol.dispose]: () => lock?.[Symbol.dispose]() };
  } catch (error) {
    lock?.[Symbol.dispose]();
    throw error;
  }
}

/** Private ones that this process has. */
const held = new Set<string>();

async function claim(
  path: string,
  sharing: RunMount['sharing'],
  signal: AbortSignal,
): Promise<{ folder: string; lock?: Disposable }> {
  if (sharing === 'shared') return { folder: path };
  for (let number = 0; sharing === 'private' && number < MOST_PRIVATE; number++) {
    const folder = number === 0 ? path : `${path}-${number}`;
    if (held.has(folder)) continue; // by ourselves: to ask for the lock would be to wait
    held.add(folder);
    try {
      const lock = await lockFile(`${folder}.lock`, { timeout: 0, signal });
      const free = (): void => {
        held.delete(folder);
        lock[Symbol.dispose]();
      };
      return { folder, lock: { [Symbol.dispose]: free } };
    } catch (error) {
      held.delete(folder);
      if (!hasCode(error, 'Unavailable')) throw error; // somebody has it: another one is as good
    }
  }
  return { folder: path, lock: await lockFile(`${path}.lock`, { timeout: Number.POSITIVE_INFINITY, signal }) };
}

async function make(folder: string, mount: RunMount, initial: (() => Promise<Tree>) | undefined): Promise<void> {
  const aside = `${folder}.tmp-${randomHex(6)}`;
  try {
    if (initial) await extractTree(await initial(), mount.source ?? '/', aside);
    else mkdirSync(aside);
    chmodSync(aside, mount.mode ?? 0o755);
    if (process.geteuid?.() === 0) chownSync(aside, mount.uid ?? 0, mount.gid ?? 0);
    renameSync(aside, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error; // another build made it
  }
}
