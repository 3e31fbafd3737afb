import { readFileSync } from 'node:fs';
import { getXattr, setXattr } from '../linux/index.ts';

/**
 * Where overlayfs keeps its own attributes: `trusted.overlay.` for the privileged, `user.overlay.` in mounts with `userxattr`.
 * Documentation/filesystems/overlayfs.rst, "User xattr".
 */
export type MarkNamespace = 'trusted' | 'user';

const OPAQUE = Buffer.from('y');

/** Overlayfs' own attributes on the files of a layer, and what programs see of the rest. */
export class Marks {
  readonly #prefix: string;

  constructor(namespace: MarkNamespace) {
    this.#prefix = `${namespace}.overlay.`;
  }

  isOpaque(path: string): boolean {
    return getXattr(path, `${this.#prefix}opaque`)?.equals(OPAQUE) === true;
  }

  setOpaque(path: string): void {
    setXattr(path, `${this.#prefix}opaque`, OPAQUE);
  }

  /** A file without its bytes: they are in a layer below, which is followed by `metacopy=on` alone. */
  isMetacopy(path: string): boolean {
    return getXattr(path, `${this.#prefix}metacopy`) !== undefined;
  }

  /** Whether an attribute says something to overlayfs and nothing to programs. */
  isOwn(name: string): boolean {
    return name.startsWith(this.#prefix) && !name.startsWith(`${this.#prefix}overlay.`);
  }

  /**
   * What a program's name is on the files of the layer: an overlay in an overlay has its marks with the prefix said twice (kernel 6.7).
   * overlayfs.rst, "Nested overlayfs mounts".
   */
  escape(name: string): string {
    return name.startsWith(this.#prefix) ? `${this.#prefix}overlay.${name.slice(this.#prefix.length)}` : name;
  }

  unescape(name: string): string {
    const twice = `${this.#prefix}overlay.`;
    return name.startsWith(twice) ? `${this.#prefix}${name.slice(twice.length)}` : name;
  }
}

/** Of the process: only root, and not that of a user namespace, may read and write `trusted.`; xattr(7). */
export function usualMarks(): MarkNamespace {
  if (process.geteuid?.() !== 0) return 'user';
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1')) ? 'trusted' : 'user';
  } catch {
    return 'trusted'; // no user namespaces here
  }
}
