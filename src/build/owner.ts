import { EngineError, readAll } from '../std/index.ts';
import { resolvePath, type Tree } from './tree.ts';

/** The largest id: what is above overflows into negative numbers (CVE-2024-40635). */
const LARGEST_ID = 2 ** 31 - 1;
const LARGEST_FILE = 4 << 20;

/** Who `--chown=user[:group]` is by the tree's own /etc/passwd and /etc/group. Throws InvalidArgument for a name that is not there. */
export async function resolveOwner(tree: Tree, text: string): Promise<{ uid: number; gid: number }> {
  const [user = '', group, ...more] = text.split(':');
  if (user === '' || more.length > 0) throw bad(text, 'expected USER or USER:GROUP');
  const account = isNumber(user) ? undefined : await rowOf(tree, 'etc/passwd', user);
  if (!isNumber(user) && !account) throw bad(text, `no user ${JSON.stringify(user)} in the image's /etc/passwd`);
  const uid = account ? account[2] : user;
  if (group === undefined || group === '') {
    // As docker: without a group it is the number of the user, or for a name the group of the user.
    return { uid: requireID(text, uid), gid: requireID(text, account ? account[3] : uid) };
  }
  const row = isNumber(group) ? undefined : await rowOf(tree, 'etc/group', group);
  if (!isNumber(group) && !row) throw bad(text, `no group ${JSON.stringify(group)} in the image's /etc/group`);
  return { uid: requireID(text, uid), gid: requireID(text, row ? row[2] : group) };
}

async function rowOf(tree: Tree, file: string, name: string): Promise<string[] | undefined> {
  const path = resolvePath(tree, file);
  if (tree.node(path)?.type !== 'file') return undefined;
  const text = (await readAll(tree.open(path), { limit: LARGEST_FILE, what: `/${path}` })).toString('utf8');
  const row = text.split('\n').find((line) => line.startsWith(`${name}:`));
  return row?.trimEnd().split(':');
}

function requireID(text: string, id: string | undefined): number {
  const number = id !== undefined && isNumber(id) ? Number(id) : Number.NaN;
  if (!(number <= LARGEST_ID)) throw bad(text, `ids go up to ${LARGEST_ID}`);
  return number;
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function bad(text: string, why: string): EngineError {
  return new EngineError('InvalidArgument', `--chown=${text}: ${why}`);
}
