import type { Stats } from 'node:fs';
import type { Change } from '../layer/index.ts';
import { type ByteStream, EngineError } from '../std/index.ts';
import type { Container } from './container.ts';
import { stateOf } from './container-state.ts';
import { descriptorPath, type Resolved, resolveInRoot } from './root-walk.ts';

/** What a path in a container is, for `cp` and the archive API. */
export interface PathStat {
  readonly name: string;
  readonly stats: Stats;
  /** Of a symbolic link: where it leads, links resolved inside the container. */
  readonly linkTarget?: string;
}

/**
 * The root of a running container's files with all that is mounted there, as a path of this machine; undefined where it does not run: its
 * snapshot is mounted then. Only the functions here walk it: a plain open would follow the container's links into this machine.
 */
export function liveRootOf({ folder, id }: Container): string | undefined {
  const { pid } = stateOf(folder, id);
  return pid > 0 ? `/proc/${pid}/root` : undefined;
}

/** NotFound for a path that is not there. */
export function statInRoot(root: string, path: string): PathStat {
  using found = requirePath(root, path, false);
  const { stats, name } = found;
  if (!stats.isSymbolicLink()) return { name: nameOf(found), stats };
  using target = resolveInRoot(root, path);
  return { name, stats, linkTarget: target.path };
}

/**
 * A tar of `path` and all below it, under its own last name; of the root without one. A link at the end is followed only where `follow` says
 * so. Whatever the container does meanwhile, nothing outside `root` is read.
 */
export async function* copyFromRoot(
  root: string,
  path: string,
  { follow = false }: { follow?: boolean } = {},
): AsyncGenerator<Buffer, void> {
  const { packLayer } = await layers();
  using found = requirePath(root, path, follow || path.endsWith('/'));
  yield* packLayer(
    found.stats.isDirectory()
      ? treeChanges(found)
      : [{ kind: 'add', path: found.name, source: descriptorPath(found.directory, found.name) }],
  );
}

/** Unpacks a tar into the directory `path`, replacing what has its names. InvalidArgument where that is no directory. */
export async function copyToRoot(
  root: string,
  path: string,
  tar: ByteStream,
  { signal }: { signal?: AbortSignal } = {},
): Promise<void> {
  using found = requirePath(root, path, true);
  if (!found.stats.isDirectory()) throw new EngineError('InvalidArgument', `${path} is no directory in the container`);
  const { applyLayer } = await layers();
  await applyLayer(tar, `${descriptorPath(found.fd)}/.`, { form: 'merged', ...(signal && { signal }) });
}

async function* treeChanges({ fd, directory, name }: Resolved): AsyncGenerator<Change, void> {
  const { diffTrees } = await layers();
  const top = name === '.' ? descriptorPath(fd) : descriptorPath(directory, name);
  for await (const change of diffTrees(undefined, `${descriptorPath(fd)}/.`)) {
    const below = change.path === '' ? '' : `/${change.path}`;
    yield { ...change, path: name === '.' ? change.path : `${name}${below}`, source: `${top}${below}` };
  }
}

/** Loaded when something is copied: what only runs and execs does without. */
function layers(): Promise<typeof import('../layer/index.ts')> {
  return import('../layer/index.ts');
}

function requirePath(root: string, path: string, follow: boolean): Resolved & { readonly stats: Stats } {
  const found = resolveInRoot(root, path, { follow });
  if (found.stats) return found as Resolved & { readonly stats: Stats };
  found[Symbol.dispose]();
  throw new EngineError('NotFound', `no such file or directory in the container: ${path}`);
}

function nameOf({ name, path }: Resolved): string {
  return name === '.' ? '/' : (path.split('/').at(-1) ?? name);
}
