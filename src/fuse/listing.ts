import type { FuseDirectoryEntry } from './file-system.ts';

/** A name and its place in the order of reading. */
export interface Listed {
  readonly entry: FuseDirectoryEntry;
  /** Where reading goes on after it; 1 and 2 are `.` and `..`. */
  readonly cookie: number;
}

/** Names that listings may hold altogether before the oldest go. */
const MOST_NAMES = 1 << 19;
const FIRST_COOKIE = 3;

/**
 * The names of a directory in the order in which they are read. Directories are not opened here, so that a repeated walk needs no word with us;
 * what an open directory would remember is this: a name keeps its cookie for as long as it is there, so that whoever is in the
 * middle of reading meets every name that stays exactly once, whatever comes and goes meanwhile.
 */
export class Listing {
  #entries: readonly Listed[] = [];
  #next = FIRST_COOKIE;

  get size(): number {
    return this.#entries.length;
  }

  /** Takes in what the directory holds now. */
  renew(entries: readonly FuseDirectoryEntry[]): void {
    const known = new Map(this.#entries.map(({ entry, cookie }) => [entry.name, cookie]));
    const listed = entries.map((entry): Listed => ({ entry, cookie: known.get(entry.name) ?? this.#next++ }));
    // New names come after all old ones, so that only what was known before must be put in order.
    this.#entries = known.size === 0 ? listed : listed.sort((a, b) => a.cookie - b.cookie);
  }

  /** What comes after `cookie`, by index. */
  after(cookie: number): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle] as Listed).cookie <= cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  at(index: number): Listed | undefined {
    return this.#entries[index];
  }
}

/** Bounds what all listings hold: those that were read longest ago are dropped. */
export class ListingMemory {
  readonly #held = new Map<{ listing: Listing | undefined }, number>();
  #names = 0;

  /** Notes that the listing of `holder` was renewed. */
  touch(holder: { listing: Listing | undefined }): void {
    this.drop(holder);
    const size = holder.listing?.size ?? 0;
    this.#held.set(holder, size);
    this.#names += size;
    for (const oldest of this.#held.keys()) {
      if (this.#names <= MOST_NAMES || oldest === holder) break;
      this.drop(oldest);
      oldest.listing = undefined;
    }
  }

  /** Forgets a holder. */
  drop(holder: { listing: Listing | undefined }): void {
    this.#names -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
