import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { applyLayer, diffTrees, packLayer } from '../layer/index.ts';
import { copyFromRoot, copyToRoot, liveRootOf, openFiles, requireContainer, statInRoot } from '../runtime/index.ts';
import { type ByteStream, EngineError, hasCode } from '../std/index.ts';
import { readTar, writeTar } from '../tar/index.ts';
import type { Engine } from './engine.ts';
import { openSnapshot } from './open-snapshot.ts';

export interface CopyFilesOptions {
  /** Follows a link at the end of the source. */
  readonly followLink?: boolean;
  /** Keeps owners; else what is copied here becomes this user's, and what is copied there root's. */
  readonly archive?: boolean;
  readonly signal?: AbortSignal;
}

/** Where something is to be put: into a folder that is there, under a name. */
interface Destination {
  readonly folder: string;
  /** Undefined where the content of the source goes into the folder itself. */
  readonly name: string | undefined;
}

/** A tar of a path in a container, running or not. */
export async function* readFromContainer(
  engine: Engine,
  name: string,
  path: string,
  { followLink = false }: CopyFilesOptions = {},
): AsyncGenerator<Uint8Array> {
  await using root = await openRoot(engine, name);
  yield* copyFromRoot(root.path, path, { follow: followLink });
}

/** Unpacks a tar into a folder of a container, running or not. */
export async function writeToContainer(
  engine: Engine,
  name: string,
  path: string,
  tar: ByteStream,
  { signal }: CopyFilesOptions = {},
): Promise<void> {
  await using root = await openRoot(engine, name);
  await copyToRoot(root.path, path, tar, signal ? { signal } : {});
}

/** `docker cp CONTAINER:SOURCE TARGET`, by its rules for folders, names and trailing slashes. */
export async function copyOut(
  engine: Engine,
  name: string,
  source: string,
  target: string,
  options: CopyFilesOptions = {},
): Promise<void> {
  await using root = await openRoot(engine, name);
  const found = statInRoot(root.path, source);
  const isDirectory =
    options.followLink && found.linkTarget !== undefined
      ? statInRoot(root.path, found.linkTarget).stats.isDirectory()
      : found.stats.isDirectory();
  const { folder, name: as } = await destinationOf({ source, isDirectory }, target, async (path) => {
    const there = await stat(path).catch(() => undefined);
    return there && (there.isDirectory() ? 'directory' : 'file');
  });
  const tar = renamed(copyFromRoot(root.path, source, { follow: options.followLink ?? false }), as, !options.archive);
  await applyLayer(tar, resolve(folder), {
    form: 'merged',
    ownership: options.archive ? 'exact' : 'ignore',
    ...(options.signal && { signal: options.signal }),
  });
}

/** `docker cp SOURCE CONTAINER:TARGET`. */
export async function copyIn(
  engine: Engine,
  source: string,
  name: string,
  target: string,
  options: CopyFilesOptions = {},
): Promise<void> {
  await using root = await openRoot(engine, name);
  const local = await stat(source).catch((cause) => {
    throw new EngineError('NotFound', `${source}: no such file or directory`, { cause });
  });
  const { folder, name: as } = await destinationOf(
    { source, isDirectory: local.isDirectory() },
    target,
    async (path) => {
      try {
        const { stats, linkTarget } = statInRoot(root.path, path);
        const final = linkTarget === undefined ? stats : statInRoot(root.path, linkTarget).stats;
        return final.isDirectory() ? 'directory' : 'file';
      } catch (error) {
        if (hasCode(error, 'NotFound')) return undefined;
        throw error;
      }
    },
  );
  const path = resolve(source);
  const changes = local.isDirectory()
    ? prefixed(diffTrees(undefined, path), basename(path))
    : [{ kind: 'add' as const, path: basename(path), source: path }];
  await copyToRoot(
    root.path,
    folder,
    renamed(packLayer(changes), as, !options.archive),
    options.signal ? { signal: options.signal } : {},
  );
}

/** docker's rules: what is there already decides whether the source goes into it or takes its name. */
async function destinationOf(
  { source, isDirectory }: { source: string; isDirectory: boolean },
  target: string,
  kindOf: (path: string) => Promise<'directory' | 'file' | undefined>,
): Promise<Destination> {
  const kind = await kindOf(target);
  const contentOnly = /(^|\/)\.$/.test(source);
  if (kind === 'directory')
    return {
      folder: target,
      name: contentOnly && isDirectory ? undefined : basename(resolve('/', source)) || undefined,
    };
  if (kind === 'file' && isDirectory)
    throw new EngineError('InvalidArgument', `cannot copy a directory over the file ${target}`);
  if (kind === undefined && target.endsWith('/') && !isDirectory)
    throw new EngineError('NotFound', `${target}: no such directory`);
  const parent = dirname(target);
  if ((await kindOf(parent)) !== 'directory') throw new EngineError('NotFound', `${parent}: no such directory`);
  return { folder: parent, name: basename(target) };
}

/** The members of a tar with their first name replaced, or taken away; with `asRoot` without owners. */
function renamed(tar: ByteStream, name: string | undefined, asRoot: boolean): ByteStream {
  const rename = (path: string): string => {
    const slash = path.indexOf('/');
    const rest = slash < 0 ? '' : path.slice(slash + 1);
    if (name === undefined) return rest;
    return slash < 0 ? name : `${name}/${rest}`;
  };
  return writeTar(
    (async function* () {
      for await (const { entry, content } of readTar(tar)) {
        const path = rename(entry.name);
        if (path === '') continue; // the folder itself, whose content alone was asked for
        const linked =
          entry.type === 'hardlink' && entry.linkName !== undefined ? { linkName: rename(entry.linkName) } : {};
        yield { entry: { ...entry, ...linked, name: path, ...(asRoot && { uid: 0, gid: 0 }) }, content };
      }
    })(),
  );
}

async function* prefixed<Item extends { readonly path: string }>(
  changes: AsyncIterable<Item>,
  name: string,
): AsyncGenerator<Item> {
  for await (const change of changes) yield { ...change, path: change.path === '' ? name : `${name}/${change.path}` };
}

/** The container's files: where they are mounted while it runs, else mounted for as long as this is held. */
async function openRoot(engine: Engine, name: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const container = requireContainer(engine.root, name);
  const live = liveRootOf(container);
  if (live !== undefined) return { path: live, async [Symbol.asyncDispose]() {} };
  return openFiles(container, await openSnapshot(engine, container));
}
