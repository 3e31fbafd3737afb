import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { EngineError, isErrno, writeFileAtomic } from '../std/index.ts';
import { globOf } from './glob.ts';
import { liveFile } from './live-file.ts';
import { type Action, type Grant, isAction } from './policy.ts';
import { processLock } from './storage/process-lock.ts';

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const PREFIX = 'robot/';
const SECRET_BYTES = 32;

/** What a program may do with its token: repositories by pattern. */
export interface RobotOptions {
  readonly repositories: readonly string[];
  readonly actions: readonly Action[];
  /** Milliseconds since 1970; never, where it is left out. */
  readonly expires?: number;
}

/** A robot as lists show it: its secret is known to its owner alone. */
export interface Robot extends RobotOptions {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly created: number;
}

interface KeptRobot extends Robot {
  /** SHA-256 of the secret, hex: as random as it is, a slow hash would add nothing. */
  readonly hash: string;
}

/** The user name that a robot logs in with. */
export function robotUser(name: string): string {
  return PREFIX + name;
}

/** Makes a robot and returns its secret, which is told only now. Throws AlreadyExists, and InvalidArgument for what makes no sense. */
export async function createRobot(file: string, name: string, options: RobotOptions): Promise<string> {
  if (!NAME.test(name)) {
    throw new EngineError(
      'InvalidArgument',
      `invalid robot name ${JSON.stringify(name)}: lower-case letters, digits, and . _ - between them`,
    );
  }
  if (options.repositories.length === 0 || options.actions.length === 0) {
    throw new EngineError('InvalidArgument', `robot ${name} may nothing: name repositories and actions`);
  }
  for (const pattern of options.repositories) globOf(pattern);
  const secret = `strata_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  await change(file, (robots) => {
    if (robots.some((other) => other.name === name)) {
      throw new EngineError('AlreadyExists', `there is a robot ${name} in ${file}; remove it first`);
    }
    return [...robots, { name, hash: hashOf(secret), created: Date.now(), ...options }];
  });
  return secret;
}

/** Takes a robot out; false where there was none. */
export async function removeRobot(file: string, name: string): Promise<boolean> {
  let removed = false;
  await change(file, (robots) => {
    const rest = robots.filter((robot) => robot.name !== name);
    removed = rest.length < robots.length;
    return rest;
  });
  return removed;
}

/** The robots in the file; none where it is missing. Throws DataLoss where it can't be understood. */
export async function listRobots(file: string): Promise<Robot[]> {
  return (await read(file)).map(({ hash: _, ...robot }) => robot);
}

/** A robot that may log in now. */
export interface KnownRobot {
  readonly grants: readonly Grant[];
  /** Changes with the secret. */
  readonly hash: string;
}

/** Robots from a file that others may change meanwhile. */
export interface RobotFile {
  /** By user name; undefined for no robot, or one that has expired. */
  find(user: string): KnownRobot | undefined;
}

export function robotFile(path: string): RobotFile {
  const robots = liveFile(
    path,
    (text) => new Map(parse(text, path).map((robot) => [robotUser(robot.name), robot])),
    new Map(),
  );
  return {
    find(user) {
      const robot = robots().get(user);
      if (!robot || (robot.expires !== undefined && robot.expires <= Date.now())) return undefined;
      return { hash: robot.hash, grants: [{ repositories: robot.repositories, actions: robot.actions }] };
    },
  };
}

/** Names of robots are not for users: whoever writes the htpasswd file can't become one. */
export function isRobotUser(user: string): boolean {
  return user.startsWith(PREFIX);
}

export function fitsSecret(robot: KnownRobot, secret: string): boolean {
  return timingSafeEqual(Buffer.from(robot.hash, 'hex'), Buffer.from(hashOf(secret), 'hex'));
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

async function change(file: string, edit: (robots: KeptRobot[]) => KeptRobot[]): Promise<void> {
  using _lock = await processLock(`${file}.lock`);
  const robots = edit(await read(file));
  await writeFileAtomic(file, `${JSON.stringify({ robots }, undefined, 2)}\n`, { mode: 0o600 });
}

async function read(file: string): Promise<KeptRobot[]> {
  try {
    return parse(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function parse(text: string, file: string): KeptRobot[] {
  const damaged = (cause?: unknown): EngineError =>
    new EngineError('DataLoss', `${file} is no file of robots; restore it, or remove it and make them again`, {
      cause,
    });
  let robots: unknown;
  try {
    ({ robots } = JSON.parse(text) as { robots: unknown });
  } catch (error) {
    throw damaged(error);
  }
  if (!Array.isArray(robots) || !robots.every(isKeptRobot)) throw damaged();
  return robots;
}

function isKeptRobot(value: unknown): value is KeptRobot {
  const { name, hash, repositories, actions, expires } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    Array.isArray(repositories) &&
    repositories.every((pattern) => typeof pattern === 'string' && pattern !== '') &&
    Array.isArray(actions) &&
    actions.every(isAction) &&
    (expires === undefined || typeof expires === 'number')
  );
}
