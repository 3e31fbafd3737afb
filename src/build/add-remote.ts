import { createWriteStream } from 'node:fs';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AddInstruction } from '../dockerfile/index.ts';
import { createDigester, isDigest } from '../oci/index.ts';
import { EngineError, errorMessage, randomHex } from '../std/index.ts';
import { isArchive } from './add-archive.ts';
import { folderTree } from './folder-tree.ts';
import { cloneGit, parseGitReference } from './git.ts';
import { type Selected, select } from './select.ts';
import type { Session } from './session.ts';
import type { Tree } from './tree.ts';

export function remoteKind(path: string): 'git' | 'http' | undefined {
  if (parseGitReference(path)) return 'git';
  return /^https?:\/\//i.test(path) ? 'http' : undefined;
}

/** Fetches what an ADD names on the network. */
export async function openRemote(
  session: Session,
  url: string,
  { checksum, keepGitDir, unpack = false }: AddInstruction,
): Promise<{ selected: Selected; unpack: boolean }> {
  const git = parseGitReference(url);
  if (git) {
    const folder = join(session.scratch, `git-${randomHex(8)}`);
    const commit = await cloneGit(git, folder, { keepGitDir, signal: session.signal });
    if (checksum !== undefined && !commit.startsWith(checksum))
      throw new EngineError('InvalidArgument', `${url} is at commit ${commit}, not ${checksum}`);
    const [selected] = select(folderTree(folder), git.folder ?? '.', { where: url });
    return { selected: selected as Selected, unpack: false };
  }
  const selected = await download(session, url, checksum);
  return { selected, unpack: unpack && (await isArchive(selected)) };
}

async function download({ scratch, signal }: Session, url: string, checksum: string | undefined): Promise<Selected> {
  if (checksum !== undefined && !isDigest(checksum))
    throw new EngineError('InvalidArgument', `--checksum=${checksum}: expected ALGORITHM:DIGITS, such as sha256:…`);
  const name = decodeURIComponent(posix.basename(new URL(url).pathname));
  const answer = await fetch(url, { signal, redirect: 'follow' }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new EngineError('Unavailable', `cannot get ${withoutSecrets(url)}: ${errorMessage(cause)}`, { cause });
  });
  if (!answer.ok || !answer.body) {
    const code = answer.status === 404 ? 'NotFound' : 'Unavailable';
    throw new EngineError(code, `cannot get ${withoutSecrets(url)}: the server answers ${answer.status}`);
  }
  const folder = `fetch-${randomHex(8)}`;
  const path = join(scratch, folder);
  const digester =
    checksum === undefined ? undefined : createDigester(checksum.slice(0, checksum.indexOf(':')) as 'sha256');
  const body = answer.body;
  const seen = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      digester?.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.from(seen()), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  const digest = digester?.digest();
  if (checksum !== undefined && digest !== checksum)
    throw new EngineError('InvalidArgument', `${withoutSecrets(url)} has the digest ${digest}, not ${checksum}`);
  const modified = Date.parse(answer.headers.get('last-modified') ?? '');
  const tree = fetched(folderTree(scratch), Number.isNaN(modified) ? 0n : BigInt(modified) * 1_000_000n);
  const [selected] = select(tree, folder, { where: url });
  return { ...(selected as Selected), name };
}

/** As docker has a file of the network: its owner's alone, with the server's time. */
function fetched(tree: Tree, mtime: bigint): Tree {
  return {
    ...tree,
    node(path) {
      const node = tree.node(path);
      return node && { ...node, ...(node.type === 'file' && { mode: 0o600 }), mtime };
    },
  };
}

function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
