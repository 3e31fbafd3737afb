import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '../linux/index.ts';
import { algorithmOf, type Digest, hexOf, parseDigest } from '../oci/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import { diskError } from './disk-error.ts';

export interface LockOptions {
  /** Many hold `shared` at once; `exclusive` (the default) is held alone. */
  readonly mode?: 'shared' | 'exclusive';
  readonly signal?: AbortSignal;
  /** Milliseconds until Unavailable; ten minutes by default. */
  readonly timeout?: number;
}

const LOCK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/**
 * Holds the lock `name` of the state folder `root` until disposed, among all processes. Not re-entrant. The store's own are taken in this order,
 * never the other way round: `collection` one collector at a time; `images` changes of index.json; `layers` changes of layer records; `content`
 * shared for "touch, then look", exclusive for "look again, then unlink".
 */
export async function lockState(root: string, name: string, options: LockOptions = {}): Promise<Disposable> {
  if (!LOCK_NAME.test(name)) throw new EngineError('InvalidArgument', `invalid lock name ${JSON.stringify(name)}`);
  try {
    return await lockFile(join(root, 'locks', name), options);
  } catch (error) {
    throw diskError(error, `locking ${root}`);
  }
}

/** `sha256-<hex>`: a digest as one file name. A digest becomes a path here and in {@link blobPath} alone, and only after it was parsed. */
export function digestFileName(digest: Digest): string {
  const parsed = parseDigest(digest);
  return `${algorithmOf(parsed)}-${hexOf(parsed)}`;
}

/** The digest that {@link digestFileName} made the name of; undefined for any other name. */
export function digestOfFileName(name: string): Digest | undefined {
  const at = name.indexOf('-');
  try {
    return parseDigest(`${name.slice(0, at)}:${name.slice(at + 1)}`);
  } catch {
    return undefined;
  }
}

/** image-spec image-layout.md, "Blobs". */
export function blobPath(root: string, digest: Digest): string {
  const parsed = parseDigest(digest);
  return join(root, 'blobs', algorithmOf(parsed), hexOf(parsed));
}

/** What marks a name as waste once its maker is gone; `writeFileAtomic` uses the same. */
export const ASIDE = '.tmp-';

/** The names in a folder, none where it is missing. */
export async function* namesIn(folder: string): AsyncGenerator<string, void> {
  try {
    for await (const { name } of await opendir(folder)) yield name;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
}
