import type { FuseDirectoryEntry } from './file-system.ts';
import { type Listed, Listing } from './listing.ts';
import type { Node } from './node.ts';
import { type FuseReply, nameBytes } from './reply.ts';
import type { FuseRequest } from './request.ts';
import { answerEntry, directoryOf, type Handler, type Session } from './session.ts';

export const readdir: Handler = (session, request, reply) => list(session, request, reply, { plus: false });
export const readdirplus: Handler = (session, request, reply) => list(session, request, reply, { plus: true });

export const fsyncdir: Handler = (session, request) => {
  session.fileSystem.fsyncDirectory(directoryOf(session, request).inode);
};

/** The kernel wants a number of each inode; where only a lookup would tell, this says "unknown": FUSE_UNKNOWN_INO. */
const UNKNOWN_INO = 0xffffffff;

function list(session: Session, request: FuseRequest, reply: FuseReply, { plus }: { plus: boolean }): undefined {
  const directory = directoryOf(session, request);
  const position = request.u64(8);
  reply.limit(request.u32(16));
  for (const [name, next] of [
    ['.', 1],
    ['..', 2],
  ] as const) {
    if (position >= next) continue;
    if (!reply.hasRoom(name.length, { plus })) return;
    if (plus) reply.noEntry();
    reply.directoryEntry(name, { ino: next === 1 ? directory.ino : UNKNOWN_INO, type: 'directory', next });
  }
  const listing = listingOf(session, directory, { renew: position === 0 });
  const all = plus && (position > 0 ? session.demand.isWanted : session.demand.list());
  for (let index = listing.after(position); ; index++) {
    const listed = listing.at(index);
    if (!listed || !answerListed(session, reply, { directory, listed, plus, all })) return;
  }
}

function listingOf(session: Session, directory: Node, { renew }: { renew: boolean }): Listing {
  if (directory.listing && !renew) return directory.listing;
  directory.listing ??= new Listing();
  directory.listing.renew(session.fileSystem.readdir(directory.inode));
  session.listings.touch(directory);
  return directory.listing;
}

/** False where the answer is full. */
function answerListed(
  session: Session,
  reply: FuseReply,
  { directory, listed, plus, all }: { directory: Node; listed: Listed; plus: boolean; all: boolean },
): boolean {
  const { entry, cookie: next } = listed;
  const name = nameBytes(entry.name);
  if (!reply.hasRoom(name.length, { plus })) return false;
  let { ino } = entry;
  if (plus && (all || entry.type === 'directory')) ino = answerPlus(session, reply, directory, entry);
  else if (plus) reply.noEntry(); // a name and its type, which is all that most walks ask for
  reply.directoryEntry(name, { ino: ino ?? UNKNOWN_INO, type: entry.type, next });
  return true;
}

/** The entry before a name; one that can't be told is left for a lookup to fail at. */
function answerPlus(
  session: Session,
  reply: FuseReply,
  directory: Node,
  { name, ino }: FuseDirectoryEntry,
): number | undefined {
  try {
    const inode = session.fileSystem.lookup(directory.inode, name);
    if (inode) return answerEntry(session, reply, inode).ino;
  } catch {
    // fall through
  }
  reply.noEntry();
  return ino;
}
