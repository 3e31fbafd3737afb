import { rmSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { requireImage, unpackImage } from '../image/index.ts';
import { unmount } from '../linux/index.ts';
import { digestOf, hexOf } from '../oci/index.ts';
import { listMounts, mountServed } from '../snapshot/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { type LazyOptions, openLazyImage } from './lazy-image.ts';
import { failureOf, lazyServer, planFolder, writePlan } from './lazy-plan.ts';

/**
 * Shows an image that is not here at `target`, read-only: what is read is fetched, the rest meanwhile. Undefined, or the reason why that can't
 * be, and nothing is mounted then.
 */
export async function mountLazyImage(
  engine: Engine,
  text: string,
  target: string,
  options: LazyOptions = {},
): Promise<string | undefined> {
  const place = await directoryAt(target);
  const found = await openLazyImage(engine, text, options);
  if ('reason' in found) return found.reason;
  const path = await writePlan(engine, found.plan);
  try {
    await asRoot(target, () => mountServed(place, { source: path, server: lazyServer(path), readOnly: true }));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  return undefined;
}

/** Shows a local image at `target`, read-only. */
export async function mountImage(engine: Engine, text: string, target: string): Promise<void> {
  const place = await directoryAt(target);
  const snapshots = await engine.snapshots();
  const { image } = await requireImage(engine.store, text);
  const chain = await unpackImage(engine.store, snapshots, image);
  if (!chain) throw new EngineError('InvalidArgument', `${text} has no layers, and so no files`);
  const key = viewOf(place);
  await snapshots.remove(key);
  const view = await snapshots.view(key, chain);
  try {
    await asRoot(target, () => view.mount(place));
  } catch (error) {
    await snapshots.remove(key).catch(() => {});
    throw error;
  }
}

/** Ends what {@link mountLazyImage} or {@link mountImage} made; what was fetched is kept for the next time. */
export async function unmountImage(
  engine: Engine,
  target: string,
  { lazy = false }: { readonly lazy?: boolean } = {},
): Promise<void> {
  const place = await realpath(target).catch((error) => {
    if (isErrno(error, 'ENOTCONN')) return resolve(target); // its server died
    throw error;
  });
  const mounted = listMounts().findLast((one) => one.target === place);
  if (!mounted) throw new EngineError('NotFound', `nothing is mounted at ${target}`);
  try {
    unmount(place, { lazy });
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    throw new EngineError('Conflict', `${target} is in use; end what uses it, or give --lazy`, { cause: error });
  }
  if (mounted.source.startsWith(`${planFolder(engine.root)}/`)) {
    rmSync(mounted.source, { force: true });
    rmSync(failureOf(mounted.source), { force: true });
  } else await (await engine.snapshots()).remove(viewOf(place)).catch(() => {});
}

function viewOf(place: string): string {
  return `mount-${hexOf(digestOf(place)).slice(0, 24)}`;
}

async function directoryAt(path: string): Promise<string> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new EngineError('NotFound', `no directory ${path}`);
  return realpath(path);
}

async function asRoot(target: string, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES')) throw error;
    throw new EngineError('PermissionDenied', `mounting ${target} needs root, or a user namespace of one's own`, {
      cause: error,
    });
  }
}
