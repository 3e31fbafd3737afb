import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { AT_FDCWD, makeDevice, mknodAt, RenameFlag, renameAt2 } from '../linux/index.ts';
import { decodeName, fsPath, isErrno } from '../std/index.ts';
import type { Marks } from './marks.ts';

const S_IFCHR = 0o020000;
const WHITEOUT = { mode: S_IFCHR, device: makeDevice(0, 0) };

/** What overlayfs does in its upper directory, by way of its work directory: whatever takes several steps is made there and then renamed. */
export class UpperFolder {
  readonly path: string;
  readonly marks: Marks;
  /** Nothing is made safe on disk: for what a stop of the machine may take with it. */
  readonly volatile: boolean;
  readonly #work: string;
  #count = 0;

  /** `work` is a folder of the same file system that nothing else uses; what an earlier owner left in it goes. */
  constructor(path: string, work: string, { marks, volatile }: { marks: Marks; volatile: boolean }) {
    this.path = path;
    this.marks = marks;
    this.volatile = volatile;
    this.#work = join(work, 'work'); // the name that the kernel gives it, so that either cleans up after the other
    rmSync(this.#work, { recursive: true, force: true });
    mkdirSync(this.#work, { mode: 0o700 });
  }

  /** A new path in the work folder. */
  aside(): string {
    this.#count += 1;
    return `${this.#work}/#${this.#count.toString(16)}`;
  }

  /** Makes something new at `path`, over a whiteout where there is one. `make` may be called twice. */
  put(path: string, make: (path: string) => void): void {
    try {
      make(path);
      return;
    } catch (error) {
      if (!isErrno(error, 'EEXIST') || !isWhiteout(path)) throw error;
    }
    const aside = this.aside();
    make(aside);
    try {
      if (lstatSync(aside).isDirectory()) {
        this.marks.setOpaque(aside);
        renameAt2(AT_FDCWD, aside, AT_FDCWD, path, RenameFlag.exchange);
        unlinkSync(aside);
      } else renameSync(aside, fsPath(path));
    } catch (error) {
      rmSync(aside, { recursive: true, force: true });
      throw error;
    }
  }

  /** Hides a name of lower layers where the upper has nothing, or a file. */
  whiteout(path: string): void {
    const aside = this.aside();
    mknodAt(AT_FDCWD, aside, WHITEOUT.mode, WHITEOUT.device);
    try {
      renameSync(aside, fsPath(path));
    } catch (error) {
      unlinkSync(aside);
      throw error;
    }
  }

  /** {@link whiteout} where the upper has an empty directory. */
  whiteoutDirectory(path: string): void {
    const aside = this.aside();
    mknodAt(AT_FDCWD, aside, WHITEOUT.mode, WHITEOUT.device);
    renameAt2(AT_FDCWD, aside, AT_FDCWD, path, RenameFlag.exchange);
    rmdirSync(aside);
  }

  /** An empty-looking directory becomes an empty one: opaque, then without its whiteouts. Every step leaves what is seen as it was. */
  clear(path: string): void {
    const names = readdirSync(fsPath(path), { encoding: 'buffer' }).map(decodeName);
    if (names.length === 0) return;
    this.marks.setOpaque(path);
    for (const name of names) if (isWhiteout(`${path}/${name}`)) unlinkSync(fsPath(`${path}/${name}`));
  }

  /** Leaves the work folder as it was found. */
  close(): void {
    rmSync(this.#work, { recursive: true, force: true });
  }

  /** Removes a file of the work folder. */
  discard(path: string): void {
    rmSync(fsPath(path), { recursive: true, force: true });
  }
}

export function isWhiteout(path: string): boolean {
  const stats = lstatSync(fsPath(path), { throwIfNoEntry: false });
  return stats?.isCharacterDevice() === true && stats.rdev === 0;
}
