import type { Digest } from '../../oci/index.ts';

const WRITE_AFTER = 60_000;
const MOST = 10_000;

/** When a manifest was last pulled through a repository. */
export interface PullTime {
  readonly repository: string;
  readonly digest: Digest;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Gathers pulls, so that a thousand of them a second are one write a minute. `write` gets each manifest's last one. */
export class PullTimes {
  readonly #write: (pulls: readonly PullTime[]) => void;
  #pulls = new Map<string, Map<Digest, number>>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (pulls: readonly PullTime[]) => void) {
    this.#write = write;
  }

  record(repository: string, digest: Digest): void {
    let times = this.#pulls.get(repository);
    if (!times) {
      times = new Map();
      this.#pulls.set(repository, times);
    }
    if (!times.has(digest)) this.#count += 1;
    times.set(digest, Date.now());
    if (this.#count >= MOST) {
      this.#write(this.take());
    } else if (!this.#timer) {
      this.#timer = setTimeout(() => this.#write(this.take()), WRITE_AFTER);
      this.#timer.unref();
    }
  }

  /** What was gathered, which the caller now has to write. */
  take(): PullTime[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pulls = this.#pulls;
    this.#pulls = new Map();
    this.#count = 0;
    return [...pulls].flatMap(([repository, times]) =>
      [...times].map(([digest, time]) => ({ repository, digest, time })),
    );
  }
}
