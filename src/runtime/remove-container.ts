import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, randomHex } from '../std/index.ts';
import type { Container } from './container.ts';
import { containerEvent } from './container-event.ts';
import { releaseName } from './container-names.ts';

/** Removes a container's folder and name at once for every reader; the snapshot is the caller's. True for the one who did it. */
export function discardContainer(root: string, container: Container): boolean {
  const trash = join(root, 'trash');
  const aside = join(trash, `container-${container.id.slice(0, 12)}-${randomHex(6)}`);
  try {
    moveAway(container.folder, trash, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  releaseName(root, container.id, container.name);
  rmSync(aside, { recursive: true, force: true });
  containerEvent(root, container, 'destroy');
  return true;
}

function moveAway(folder: string, trash: string, aside: string): void {
  try {
    renameSync(folder, aside);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    mkdirSync(trash, { recursive: true, mode: 0o700 });
    renameSync(folder, aside);
  }
}
