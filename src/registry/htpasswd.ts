import { readFile } from 'node:fs/promises';
import { EngineError, isErrno, writeFileAtomic } from '../std/index.ts';
import { liveFile } from './live-file.ts';
import { isRobotUser } from './robots.ts';
import { processLock } from './storage/process-lock.ts';

const BCRYPT = /^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$/;
const USER = /^[^:\s\p{C}]{1,255}$/u;
const MAX_PASSWORD_BYTES = 72; // bcrypt reads no further
const COST = 10;

/** A bcrypt hash as htpasswd(1) writes it with -B. Throws InvalidArgument where bcrypt would not take the password whole. */
export async function hashPassword(password: string, { cost = COST }: { cost?: number } = {}): Promise<string> {
  const length = Buffer.byteLength(password);
  if (length === 0 || length > MAX_PASSWORD_BYTES || password.includes('\0')) {
    throw new EngineError('InvalidArgument', `a password has 1 to ${MAX_PASSWORD_BYTES} bytes, none of them NUL`);
  }
  const { hash } = await import('@node-rs/bcrypt');
  return await hash(password, { cost, version: '2y' });
}

/** Adds `user` to the file, or changes the password; other lines stay as they are. The file is made where it is missing. */
export async function setUser(
  file: string,
  user: string,
  password: string,
  options: { cost?: number } = {},
): Promise<void> {
  if (!USER.test(user)) {
    throw new EngineError(
      'InvalidArgument',
      `invalid user name ${JSON.stringify(user)}: no spaces, no colon, at most 255 characters`,
    );
  }
  if (isRobotUser(user)) {
    throw new EngineError('InvalidArgument', `${user} is a robot's name: strata registry token create makes those`);
  }
  const line = `${user}:${await hashPassword(password, options)}`;
  await change(file, (lines) => {
    const at = lines.findIndex((other) => userOf(other) === user);
    return at === -1 ? [...lines, line] : lines.with(at, line);
  });
}

/** Takes `user` out; false where there was none. */
export async function removeUser(file: string, user: string): Promise<boolean> {
  let removed = false;
  await change(file, (lines) =>
    lines.filter((line) => {
      const isUser = userOf(line) === user;
      removed ||= isUser;
      return !isUser;
    }),
  );
  return removed;
}

/** The users in the file, in its order; none where it is missing. */
export async function listUsers(file: string): Promise<string[]> {
  return [...parse(await readLines(file)).keys()];
}

/** Hashes by user, from a file that others may change meanwhile. */
export interface PasswordFile {
  hashOf(user: string): string | undefined;
}

/** Reads the file again, at most once a second, when it has changed. A file that is missing or unreadable has no users: nobody gets in. */
export function passwordFile(path: string): PasswordFile {
  const users = liveFile<ReadonlyMap<string, string>>(path, (text) => parse(text.split('\n')), new Map());
  return { hashOf: (user) => users().get(user) };
}

async function change(file: string, edit: (lines: string[]) => string[]): Promise<void> {
  using _lock = await processLock(`${file}.lock`);
  const lines = edit(await readLines(file));
  await writeFileAtomic(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
}

async function readLines(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Only bcrypt counts: the other kinds of htpasswd are no protection. */
function parse(lines: readonly string[]): Map<string, string> {
  const users = new Map<string, string>();
  for (const line of lines) {
    const user = userOf(line);
    const hash = line.slice(line.indexOf(':') + 1).trim();
    if (user !== undefined && BCRYPT.test(hash)) users.set(user, hash);
  }
  return users;
}

function userOf(line: string): string | undefined {
  const colon = line.indexOf(':');
  return colon < 1 || line.trimStart().startsWith('#') ? undefined : line.slice(0, colon).trim();
}
