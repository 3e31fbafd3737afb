import { EngineError } from '../std/index.ts';

/** image-spec layer.md, "Whiteouts": `.wh.NAME` hides NAME below, the opaque marker hides all below its directory. */
export const WHITEOUT = '.wh.';
export const OPAQUE = '.wh..wh..opq';
/** What aufs kept for itself (`.wh..wh.plnk`, `.wh..wh.aufs`); old images carry it, nothing reads it. */
const AUFS = '.wh..wh.';

/** What the last part of an entry's name asks for. */
export type Intent =
  | { readonly kind: 'opaque' | 'ignored' }
  | { readonly kind: 'whiteout' | 'node'; readonly name: string };

const OPAQUE_INTENT: Intent = { kind: 'opaque' };
const IGNORED: Intent = { kind: 'ignored' };

/** Reads a last part that begins with {@link WHITEOUT}; whatever it is decoded to is walked like every other name. */
export function whiteoutIntent(part: string, entryName: string): Intent {
  if (part === OPAQUE) return OPAQUE_INTENT;
  if (part.startsWith(AUFS)) return IGNORED;
  const name = part.slice(WHITEOUT.length);
  if (name === '' || name === '.' || name === '..') throw refused(entryName, 'is a whiteout of no name');
  return { kind: 'whiteout', name };
}

/** Whether an ancestor of an entry is aufs' own. */
export function isAufsName(part: string): boolean {
  return part.startsWith(AUFS);
}

/** The parts of a name with '', '.' and '..' resolved as text; '..' stops at the root. `escapes` says that it would have gone above. */
export function cleanName(name: string): { parts: string[]; escapes: boolean } {
  const parts: string[] = [];
  let escapes = false;
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) escapes = true;
  }
  return { parts, escapes };
}

/** An entry that no layer may hold. */
export function refused(entryName: string, why: string): EngineError {
  return new EngineError('InvalidArgument', `layer entry ${JSON.stringify(entryName)} ${why}`);
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
