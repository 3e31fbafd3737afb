/** A law that is tried many times. */
export interface Proof {
  /** How often the issue asks for it. */
  readonly count: number;
  /** Throws at the first time that it does not hold. */
  run(options: { readonly count: number; readonly seed: number; log(line: string): void }): Promise<void>;
}

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
