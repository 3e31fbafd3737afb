import type { SparseRun, TarEntry, TarType } from './entry.ts';
import type { Header } from './header.ts';
import { malformed, tooMuch } from './malformed.ts';
import { type PaxAttributes, paxRuns } from './pax.ts';

/** What the headers of one member said, gathered until the last of them. */
export interface MemberParts {
  /** Of the first header. */
  readonly offset: number;
  header?: Header;
  pax?: PaxAttributes;
  longName?: string;
  longLink?: string;
  device?: { major: number; minor: number };
  /** Bytes of data in the archive. */
  storedSize?: number;
  /** Of a sparse file, where a header outside pax or in front of the data says it. */
  realSize?: number;
  runs?: SparseRun[];
}

const NANOSECONDS = 1_000_000_000n;

const TYPES: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file', // contiguous: no file system of today knows the difference
  S: 'file',
};

/** docker and containerd refuse every other type too, so nothing is lost where POSIX would have them as files. */
export function typeOf(header: Header, parts: MemberParts, offset: number): TarType {
  const { typeflag } = header;
  if (typeflag === '\0') return nameOf(header, parts).endsWith('/') ? 'directory' : 'file'; // as v7 wrote directories
  const type = TYPES[typeflag];
  if (type === undefined || (typeflag === 'S' && header.format !== 'gnu')) {
    throw malformed(`unsupported type ${JSON.stringify(typeflag)}`, offset, header.name);
  }
  return type;
}

/** The member as all its headers together describe it: pax over GNU long names over the header block. */
export function memberEntry(parts: MemberParts, nameLength: number): TarEntry {
  const header = parts.header as Header;
  const { pax, offset } = parts;
  const type = typeOf(header, parts, offset);
  const name = nameOf(header, parts);
  const linkName = pax?.linkPath ?? parts.longLink ?? header.linkName;
  if (name.length > nameLength || linkName.length > nameLength) {
    throw tooMuch(`name of more than ${nameLength} characters`, offset, `${name.slice(0, 100)}…`);
  }
  // Go takes the long name and GNU tar the pax record: who writes both means to be read in two ways.
  if (disagree(pax?.path, parts.longName) || disagree(pax?.linkPath, parts.longLink)) {
    throw malformed('pax and GNU headers name it differently', offset, name);
  }
  const uid = pax?.uid ?? header.uid;
  const gid = pax?.gid ?? header.gid;
  if (uid < 0 || gid < 0 || header.mode < 0) throw malformed('negative mode, uid or gid', offset, name);

  const storedSize = parts.storedSize ?? 0;
  let size = storedSize;
  let { runs } = parts;
  if (runs) size = parts.realSize ?? 0;
  else if (pax?.sparse && (pax.sparse.numbers || pax.sparse.major !== undefined)) {
    if (type !== 'file') throw malformed('sparse map for what is no file', offset, name);
    size = pax.sparse.realSize ?? storedSize;
    runs = paxRuns(pax.sparse, size, storedSize, offset);
  }
  return {
    name,
    type,
    mode: header.mode & 0o7777,
    uid,
    gid,
    userName: pax?.userName ?? header.userName,
    groupName: pax?.groupName ?? header.groupName,
    size,
    mtime: pax?.mtime ?? BigInt(header.mtime) * NANOSECONDS,
    ...((type === 'symlink' || type === 'hardlink') && { linkName }),
    ...(parts.device && { device: parts.device }),
    ...(pax?.xattrs && { xattrs: pax.xattrs }),
    ...(runs && { sparse: runs }),
  };
}

function nameOf(header: Header, { pax, longName }: MemberParts): string {
  return pax?.sparse?.name ?? pax?.path ?? longName ?? header.name;
}

function disagree(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}
