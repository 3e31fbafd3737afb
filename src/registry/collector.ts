import { type CollectionOptions, type CollectionReport, collect } from './collect.ts';
import type { CompiledRules } from './rules.ts';
import type { RegistryStorage } from './storage/open.ts';

const EXPIRE_EVERY = 3600_000;

/** Collection beside a running registry: one at a time, when it is asked for and when its time has come. */
export class Collector {
  readonly #storage: RegistryStorage;
  readonly #options: CollectionOptions & { readonly rules: CompiledRules; readonly uploadLife: number };
  readonly #stopping = new AbortController();
  readonly #timers: NodeJS.Timeout[];
  #turn: Promise<unknown> = Promise.resolve();
  /** What the last whole collection removed. */
  last: (CollectionReport & { readonly ended: number }) | undefined;
  readonly totals = { count: 0, bytes: 0 };

  constructor(
    storage: RegistryStorage,
    {
      every = 0,
      ...options
    }: CollectionOptions & { readonly every?: number; readonly rules: CompiledRules; readonly uploadLife: number },
  ) {
    this.#storage = storage;
    this.#options = options;
    this.#expire();
    this.#timers = [setInterval(() => this.#expire(), EXPIRE_EVERY)];
    if (every > 0) this.#timers.push(setInterval(() => void this.collect().catch(() => {}), every)); // the next one tries again
    for (const timer of this.#timers) timer.unref();
  }

  /** With `more` beside the registry's own options. */
  async collect(more: CollectionOptions = {}): Promise<CollectionReport> {
    const signals = [this.#stopping.signal, ...(more.signal ? [more.signal] : [])];
    return await this.#inTurn(async () => {
      const report = await collect(this.#storage, { ...this.#options, ...more, signal: AbortSignal.any(signals) });
      if (!report.dryRun) {
        this.last = { ...report, ended: Date.now() };
        this.totals.count += 1;
        this.totals.bytes += report.bytes;
      }
      return report;
    });
  }

  /** Ends what runs, between two steps, and waits for it. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopping.abort();
    await this.#turn;
  }

  /** Dead uploads go also where nothing else is collected. */
  #expire(): void {
    const { blobs } = this.#storage;
    void this.#inTurn(() => blobs.expireUploads(Date.now() - this.#options.uploadLife)).catch(() => {});
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
