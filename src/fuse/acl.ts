/** Attributes that hold POSIX ACLs, linux/posix_acl_xattr.h. */
export const ACCESS_ACL = 'system.posix_acl_access';
export const DEFAULT_ACL = 'system.posix_acl_default';

const Tag = { owner: 0x01, user: 0x02, group: 0x04, namedGroup: 0x08, mask: 0x10, other: 0x20 } as const;
const HEADER = 4;
const ENTRY = 8;

/** What something made in a directory with a default ACL begins with. */
export interface InheritedAcl {
  readonly mode: number;
  /** Absent where the mode says it all. */
  readonly access?: Buffer;
}

/**
 * The mode and the access ACL of what is made with `mode` (before any umask) in a directory whose default ACL is `acl`: the ACL takes the
 * umask's place and the two narrow each other. acl(5), "Object creation and default ACLs".
 */
export function inheritAcl(acl: Buffer, mode: number): InheritedAcl {
  const access = Buffer.from(acl);
  const at = new Map<number, number>();
  let beyondMode = false;
  for (let entry = HEADER; entry + ENTRY <= access.length; entry += ENTRY) {
    const tag = access.readUInt16LE(entry);
    at.set(tag, entry + 2);
    if (tag === Tag.user || tag === Tag.namedGroup || tag === Tag.mask) beyondMode = true;
  }
  let narrowed = mode;
  const narrow = (entry: number | undefined, shift: number): void => {
    if (entry === undefined) return;
    const permissions = access.readUInt16LE(entry) & (narrowed >> shift) & 7;
    access.writeUInt16LE(permissions, entry);
    narrowed &= (permissions << shift) | ~(7 << shift);
  };
  narrow(at.get(Tag.owner), 6);
  narrow(at.get(Tag.mask) ?? at.get(Tag.group), 3);
  narrow(at.get(Tag.other), 0);
  return beyondMode ? { mode: narrowed, access } : { mode: narrowed };
}
