/** Listings that are told with attributes after the first sign that somebody wants them, and at most. */
const FIRST = 64;
const MOST = 1 << 16;

/**
 * Guesses whether READDIRPLUS should tell the attributes of all that it lists. A walk by names alone, as `find` does, wants them of directories only,
 * and they are half of the work; one that looks at every file asks for each of them where they were not told. So whoever asks after a listing
 * gets them with the next ones, with twice as many each time that it happens again.
 */
export class AttributeDemand {
  #left = 0;
  #span = FIRST;

  get isWanted(): boolean {
    return this.#left > 0;
  }

  /** A directory is about to be listed; whether with attributes. */
  list(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  /** Somebody asked for the attributes of a name that a listing had told without. */
  missed(): void {
    if (this.#left > 0) return; // a single name, by whoever knows it
    this.#left = this.#span;
    this.#span = Math.min(this.#span * 2, MOST);
  }
}
