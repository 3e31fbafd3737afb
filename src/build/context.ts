import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Dockerfile, type IgnoreRules, parseDockerfile, parseIgnore } from '../dockerfile/index.ts';
import { type ByteStream, EngineError, errorMessage, isErrno, randomHex, readAll } from '../std/index.ts';
import { openDigestIndex } from './digest-index.ts';
import { folderTree } from './folder-tree.ts';
import { cloneGit, parseGitReference } from './git.ts';
import { ignoringTree, subtree } from './ignoring-tree.ts';
import { memoryTree } from './memory-tree.ts';
import { isTar, spool } from './tar-file.ts';
import { tarTree } from './tar-tree.ts';
import { resolvePath, type Tree, treePath } from './tree.ts';

const LARGEST_DOCKERFILE = 16 << 20;
const LARGEST_IGNORE = 4 << 20;
/** How much of a stream tells whether it is a tar. */
const START = 1 << 18;

export interface ContextInput {
  /** A folder, a tar on this machine, the URL of a tar, of a Dockerfile or of a git repository, `-` for `stdin`. */
  readonly location: string;
  /** The Dockerfile's path: of this machine for a folder, else in the context. `-` for `stdin`. */
  readonly file?: string;
  readonly stdin: ByteStream;
  /** Folder for what goes with the build. */
  readonly scratch: string;
  /** The state folder: digests of files are remembered there. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/** A Dockerfile, and what it can copy. */
export interface OpenedContext extends Disposable {
  readonly dockerfile: Dockerfile;
  readonly tree: Tree;
  readonly ignore: IgnoreRules;
}

/** Opens a context and reads its Dockerfile. Throws DockerfileError, NotFound where the one or the other is not there. */
export async function openContext(input: ContextInput): Promise<OpenedContext> {
  const { location, file } = input;
  if (location === '-' && file === '-')
    throw new EngineError('InvalidArgument', 'the context and the Dockerfile cannot both come from standard input');
  const source = await openSource(input);
  const given = file === '-' ? await textOf(input.stdin, 'the Dockerfile') : source.text;
  const found =
    given === undefined ? await findDockerfile(source, file) : { text: given, name: 'Dockerfile', path: undefined };
  const dockerfile = parseDockerfile(found.text, { file: found.name });
  const ignore = await readIgnore(source, found.path);
  return {
    dockerfile,
    ignore,
    tree: ignoringTree(source.tree, ignore),
    [Symbol.dispose]: () => source.close?.(),
  };
}

interface Source {
  readonly tree: Tree;
  /** Of a folder: its path. */
  readonly folder?: string;
  /** Where the location was a Dockerfile itself. */
  readonly text?: string;
  close?(): void;
}

async function openSource(input: ContextInput): Promise<Source> {
  const { location, scratch, signal } = input;
  if (location === '-') return streamSource(input.stdin, scratch);
  const git = parseGitReference(location);
  if (git) {
    const folder = join(scratch, 'git');
    await cloneGit(git, folder, { signal });
    const tree = folderTree(folder);
    return { tree: git.folder === undefined ? tree : folderWithin(tree, git.folder) };
  }
  if (/^https?:\/\//i.test(location)) return streamSource(await fetched(location, signal), scratch);
  return localSource(location, input);
}

async function localSource(location: string, { scratch, root }: ContextInput): Promise<Source> {
  const path = resolve(location);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new EngineError('NotFound', `no context ${location}: no such folder or file`);
  if (stats.isDirectory()) {
    const index = openDigestIndex(join(root, 'build', 'digests', `${stats.dev}-${stats.ino}`));
    return { tree: folderTree(path, { index }), folder: path, close: () => index.save() };
  }
  const { createReadStream } = await import('node:fs');
  return streamSource(createReadStream(path, { highWaterMark: 1 << 20 }), scratch);
}

/** What comes as a stream is a tar, or else a Dockerfile without a context. */
async function streamSource(stream: ByteStream, scratch: string): Promise<Source> {
  const chunks = stream[Symbol.asyncIterator]();
  const start: Uint8Array[] = [];
  for (let size = 0; size < START; ) {
    const { done, value } = await chunks.next();
    if (done) break;
    start.push(value);
    size += value.length;
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    yield* start;
    yield* { [Symbol.asyncIterator]: () => chunks };
  };
  const first = async function* (): AsyncGenerator<Uint8Array> {
    yield* start;
  };
  if (!(await isTar(first())))
    return { tree: memoryTree(new Map(), { mode: 0o644, mtime: 0n }), text: await textOf(all(), 'the Dockerfile') };
  const file = join(scratch, `context-${randomHex(8)}.tar`);
  await spool(all(), file);
  return { tree: await tarTree(file) };
}

async function fetched(url: string, signal: AbortSignal): Promise<ByteStream> {
  const answer = await fetch(url, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new EngineError('Unavailable', `cannot get the context: ${errorMessage(cause)}`, { cause });
  });
  if (answer.ok && answer.body) return answer.body;
  throw new EngineError(
    answer.status === 404 ? 'NotFound' : 'Unavailable',
    `cannot get the context: the server answers ${answer.status}`,
  );
}

/** A folder that links of the tree may lead to, but not out of it. */
function folderWithin(tree: Tree, folder: string): Tree {
  const path = resolvePath(tree, folder);
  if (tree.node(path)?.type !== 'directory') throw new EngineError('NotFound', `no folder ${folder} in the repository`);
  return subtree(tree, path);
}

/** The Dockerfile's text, what messages call it, and its path: of this machine where it is outside a tree. */
async function findDockerfile(
  source: Source,
  file: string | undefined,
): Promise<{ text: string; name: string; path: string | undefined }> {
  if (source.folder !== undefined && file !== undefined) {
    const path = resolve(file);
    const inside = resolve(source.folder, file);
    // As docker: a path from here; where there is none, one within the context.
    for (const at of path === inside ? [path] : [path, inside]) {
      const text = await readLocal(at);
      if (text !== undefined) return { text, name: file, path: at };
    }
    throw new EngineError('NotFound', `no Dockerfile ${file}`);
  }
  for (const name of file === undefined ? ['Dockerfile', 'dockerfile'] : [file]) {
    const path = resolvePath(source.tree, treePath(name));
    if (source.tree.node(path)?.type !== 'file') continue;
    const text = (await readAll(source.tree.open(path), { limit: LARGEST_DOCKERFILE, what: name })).toString('utf8');
    return { text, name, path: source.folder === undefined ? treePath(name) : join(source.folder, name) };
  }
  throw new EngineError('NotFound', `no ${file ?? 'Dockerfile'} in the context; name it with -f`);
}

async function readLocal(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (isErrno(error, 'EISDIR'))
      throw new EngineError('InvalidArgument', `${path} is a folder; -f names a Dockerfile`);
    throw error;
  }
}

/** `<Dockerfile>.dockerignore` beside it, else the context's `.dockerignore`. */
async function readIgnore(source: Source, dockerfile: string | undefined): Promise<IgnoreRules> {
  const own = dockerfile === undefined ? undefined : `${dockerfile}.dockerignore`;
  if (own !== undefined) {
    const text = source.folder === undefined ? await readTree(source.tree, own) : await readLocal(own);
    if (text !== undefined) return parseIgnore(text);
  }
  return parseIgnore((await readTree(source.tree, '.dockerignore')) ?? '');
}

async function readTree(tree: Tree, name: string): Promise<string | undefined> {
  const path = resolvePath(tree, name);
  if (tree.node(path)?.type !== 'file') return undefined;
  return (await readAll(tree.open(path), { limit: LARGEST_IGNORE, what: name })).toString('utf8');
}

async function textOf(stream: ByteStream, what: string): Promise<string> {
  return (await readAll(stream, { limit: LARGEST_DOCKERFILE, what })).toString('utf8');
}
