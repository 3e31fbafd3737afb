import { existsSync, mkdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno } from '../std/index.ts';
import { containerFolder, containersFolder } from './folders.ts';
import { generateName } from './generated-name.ts';

/** Docker's rule for names of containers and volumes. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const LONGEST = 200;
/** Milliseconds that making a container's folder never takes: an older one was left by a process that died. */
const MAKING = 60_000;

export function isName(name: string): boolean {
  return NAME.test(name) && name.length <= LONGEST;
}

export function requireName(name: string, what: 'container' | 'volume'): string {
  if (isName(name)) return name;
  throw new EngineError(
    'InvalidArgument',
    `invalid ${what} name ${JSON.stringify(name)}: letters, digits, _, . and - are allowed, a letter or digit first, at most ${LONGEST}`,
  );
}

/** Takes a name for the container `id`: the kernel lets one process make the link. Without a name one is made up. */
export function claimName(root: string, id: string, name?: string): string {
  if (name !== undefined) {
    claim(root, id, requireName(name, 'container'));
    return name;
  }
  for (let attempt = 0; ; attempt++) {
    const generated = generateName(attempt);
    try {
      claim(root, id, generated);
      return generated;
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'AlreadyExists' || attempt > 50) throw error;
    }
  }
}

/** The id that a name belongs to. */
export function ownerOfName(root: string, name: string): string | undefined {
  if (!NAME.test(name)) return undefined;
  try {
    return readlinkSync(nameLink(root, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EINVAL', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** Gives a name back, if it is this container's. */
export function releaseName(root: string, id: string, name: string): void {
  if (ownerOfName(root, name) === id) rmSync(nameLink(root, name), { force: true });
}

function claim(root: string, id: string, name: string): void {
  const link = nameLink(root, name);
  for (let attempt = 0; ; attempt++) {
    try {
      symlinkSync(id, link);
      return;
    } catch (error) {
      if (isErrno(error, 'ENOENT') && attempt === 0) {
        mkdirSync(join(containersFolder(root), 'names'), { recursive: true, mode: 0o711 });
        continue;
      }
      if (!isErrno(error, 'EEXIST')) throw error;
      const owner = ownerOfName(root, name);
      if (owner === id) return;
      if (attempt < 3 && (owner === undefined || removeStale(root, name, owner))) continue;
      throw new EngineError(
        'AlreadyExists',
        `the name ${name} is in use by container ${(owner ?? '').slice(0, 12)}; remove or rename that one, or choose another name`,
      );
    }
  }
}

/** Removes a link whose container never came to be or is gone; by rename, so that two cleaners don't remove a third one's new link. */
function removeStale(root: string, name: string, id: string): boolean {
  const unfinished = join(containersFolder(root), `.new-${id}`);
  const begun = statSync(unfinished, { throwIfNoEntry: false })?.mtimeMs;
  if (existsSync(containerFolder(root, id)) || (begun !== undefined && Date.now() - begun < MAKING)) return false;
  rmSync(unfinished, { recursive: true, force: true });
  const aside = join(containersFolder(root), 'names', `.stale-${id}-${process.pid}`);
  try {
    renameSync(nameLink(root, name), aside);
    if (readlinkSync(aside) !== id) renameSync(aside, nameLink(root, name));
    else rmSync(aside, { force: true });
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  return true;
}

function nameLink(root: string, name: string): string {
  return join(containersFolder(root), 'names', name);
}
