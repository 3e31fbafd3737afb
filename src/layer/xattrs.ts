const ACL = /^system\.posix_acl_(?:access|default)$/;

/**
 * Whether a layer carries this extended attribute. `trusted.*`, `user.overlay.*` and `security.*` would let an image speak to the host's
 * kernel (overlay's own marks, labels, signatures), so only file capabilities remain of them.
 */
export function isKeptXattr(name: string): boolean {
  if (name.startsWith('user.')) return !name.startsWith('user.overlay.');
  return name === 'security.capability' || ACL.test(name);
}

/** The attributes that a layer carries, by name in order; undefined where none is left. */
export function keptXattrs(xattrs: ReadonlyMap<string, Buffer> | undefined): ReadonlyMap<string, Buffer> | undefined {
  if (xattrs === undefined || xattrs.size === 0) return undefined;
  const kept = [...xattrs].filter(([name]) => isKeptXattr(name));
  return kept.length === 0 ? undefined : new Map(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether two sets of attributes hold the same names and bytes. */
export function sameXattrs(
  a: ReadonlyMap<string, Buffer> | undefined,
  b: ReadonlyMap<string, Buffer> | undefined,
): boolean {
  if ((a?.size ?? 0) !== (b?.size ?? 0)) return false;
  for (const [name, value] of a ?? []) if (!b?.get(name)?.equals(value)) return false;
  return true;
}
