import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '../std/index.ts';

const run = promisify(execFile);

/** A repository, what of it is wanted, and the folder in it. */
export interface GitReference {
  readonly url: string;
  /** A branch, tag, commit or ref; the default branch where absent. */
  readonly ref?: string;
  readonly folder?: string;
}

/** Reads `https://host/repo.git#ref:folder`, `git@host:repo`, `git://…`, `ssh://…`, `github.com/…`; undefined for what is none. */
export function parseGitReference(text: string): GitReference | undefined {
  const [address = '', fragment = ''] = text.split('#', 2);
  const url = repositoryUrl(address);
  if (url === undefined) return undefined;
  const colon = fragment.indexOf(':');
  const ref = colon < 0 ? fragment : fragment.slice(0, colon);
  const folder = colon < 0 ? '' : fragment.slice(colon + 1);
  return { url, ...(ref !== '' && { ref }), ...(folder !== '' && { folder }) };
}

function repositoryUrl(address: string): string | undefined {
  if (/^https?:\/\/.+\.git$/i.test(address) || /^(?:git|ssh):\/\/./i.test(address)) return address;
  if (/^[\w.-]+@[\w.-]+:[^:]/.test(address)) return address;
  return /^github\.com\/./.test(address) ? `https://${address}` : undefined;
}

/** Only what speaks to another machine: a remote helper of a hostile submodule would run a program here. */
const SAFE = [
  ...['-c', 'protocol.allow=never'],
  ...['http', 'https', 'git', 'ssh'].flatMap((protocol) => ['-c', `protocol.${protocol}.allow=always`]),
  ...['-c', 'core.hooksPath=/dev/null', '-c', 'core.symlinks=true', '-c', 'advice.detachedHead=false'],
];

/** Fetches what a reference names into the new folder `target`, and gives the commit's hash. Unavailable where git or the repository is. */
export async function cloneGit(
  { url, ref = 'HEAD' }: GitReference,
  target: string,
  { keepGitDir = false, signal }: { keepGitDir?: boolean; signal: AbortSignal },
): Promise<string> {
  if (ref.startsWith('-') || url.startsWith('-'))
    throw new EngineError('InvalidArgument', `${JSON.stringify(ref)} is no name of a branch, tag or commit`);
  mkdirSync(target, { mode: 0o700 });
  const git = (...args: string[]): Promise<string> => callGit(target, args, signal);
  await git('init', '--quiet');
  await git('remote', 'add', '--', 'origin', url);
  try {
    await git('fetch', '--quiet', '--depth', '1', '--no-tags', '--', 'origin', ref);
    await git('checkout', '--quiet', '--force', 'FETCH_HEAD');
  } catch (error) {
    // A server need not give a commit by its hash alone.
    if (!/^[0-9a-f]{7,64}$/i.test(ref)) throw error;
    await git('fetch', '--quiet', '--tags', '--', 'origin', '+refs/heads/*:refs/remotes/origin/*');
    await git('checkout', '--quiet', '--force', ref, '--');
  }
  await git('submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1');
  const commit = (await git('rev-parse', 'HEAD')).trim();
  if (!keepGitDir) rmSync(join(target, '.git'), { recursive: true, force: true });
  return commit;
}

async function callGit(folder: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run('git', [...SAFE, ...args], {
      cwd: folder,
      signal,
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', GIT_LFS_SKIP_SMUDGE: '1' },
      maxBuffer: 1 << 24,
    });
    return stdout;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT')
      throw new EngineError('Unavailable', 'git is not installed; install it: apt-get install git', { cause: error });
    // What git prints may hold the user and password of a URL.
    const said = stderr.trim().replaceAll(/:\/\/[^@/\s]*@/g, '://');
    throw new EngineError('Unavailable', `git ${args[0]}: ${said || 'failed'}`);
  }
}
