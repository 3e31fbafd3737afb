import { closeSync, openSync, readSync } from 'node:fs';
import { EngineError, hasCode } from '../std/index.ts';
import { descriptorPath, resolveInRoot } from './root-walk.ts';

/** The largest user or group id: what is above overflows into negative numbers, and from there into root (CVE-2024-40635). */
const LARGEST_ID = 2 ** 31 - 1;
/** More of /etc/passwd than this is not read. */
const LARGEST_FILE = 4 << 20;

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/**
 * Who `user` (`name`, `uid`, `name:group`, `uid:gid`) is by the image's own /etc/passwd and /etc/group, which are found inside `root`
 * whatever links they are. A user without `:group` gets the groups that name it, `groupAdd` come on top. Throws InvalidArgument for a
 * name that is not there and for ids that overflow.
 */
export function resolveUser(root: string | number, user: string, groupAdd: readonly string[] = []): ContainerUser {
  const at = user.indexOf(':');
  const name = at < 0 ? user : user.slice(0, at);
  const group = at < 0 ? '' : user.slice(at + 1);
  const accounts = readTable(root, '/etc/passwd');
  const groups = readTable(root, '/etc/group');

  const uid = isNumber(name) ? requireID(name, 'user') : name === '' ? 0 : undefined;
  const account = accounts.find((row) => (uid === undefined ? row[0] === name : row[2] === String(uid)));
  if (uid === undefined && !account)
    throw new EngineError('InvalidArgument', `no user ${JSON.stringify(name)} in the image's /etc/passwd`);
  const gid = group !== '' ? groupID(groups, group) : account ? requireID(account[3] ?? '0', 'group') : 0;
  const member =
    group === '' && account ? groups.filter((row) => (row[3] ?? '').split(',').includes(account[0] as string)) : [];
  const additional = [
    ...member.map((row) => requireID(row[2] ?? '', 'group')),
    ...groupAdd.map((added) => groupID(groups, added)),
  ];
  return {
    uid: uid ?? requireID(account?.[2] ?? '', 'user'),
    gid,
    additionalGids: [...new Set([gid, ...additional])],
    home: account?.[5] || '/',
  };
}

function groupID(groups: readonly (readonly string[])[], name: string): number {
  if (isNumber(name)) return requireID(name, 'group');
  const row = groups.find(([first]) => first === name);
  if (!row) throw new EngineError('InvalidArgument', `no group ${JSON.stringify(name)} in the image's /etc/group`);
  return requireID(row[2] ?? '', 'group');
}

function requireID(text: string, what: 'user' | 'group'): number {
  const id = isNumber(text) ? Number(text) : Number.NaN;
  if (id >= 0 && id <= LARGEST_ID) return id;
  throw new EngineError(
    'InvalidArgument',
    `invalid ${what} id ${JSON.stringify(text)}: it must be between 0 and ${LARGEST_ID}`,
  );
}

function isNumber(text: string): boolean {
  return /^[+-]?\d+$/.test(text);
}

/** Rows of a colon-separated table; none where there is no such plain file. */
function readTable(root: string | number, path: string): string[][] {
  let text: string;
  try {
    using file = resolveInRoot(root, path);
    if (file.fd < 0 || !file.stats?.isFile()) return []; // a fifo would hang us, a device would do worse
    text = readStart(file.fd);
  } catch (error) {
    if (hasCode(error, 'NotFound') || hasCode(error, 'InvalidArgument')) return [];
    throw error;
  }
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.trimEnd().split(':'));
}

function readStart(pathFd: number): string {
  const fd = openSync(descriptorPath(pathFd), 'r');
  try {
    const buffer = Buffer.allocUnsafe(64 << 10);
    const parts: Buffer[] = [];
    for (let size = 0; size < LARGEST_FILE; ) {
      const read = readSync(fd, buffer);
      if (read === 0) break;
      parts.push(Buffer.from(buffer.subarray(0, read)));
      size += read;
    }
    return Buffer.concat(parts).toString('utf8');
  } finally {
    closeSync(fd);
  }
}
