import type { Engine, EngineOptions } from '../engine/index.ts';

/** What the person chose for the whole program; absent means the engine's own default. */
export interface Globals {
  /** The state folder. */
  readonly root: string | undefined;
  readonly driver: string | undefined;
  /** A daemon elsewhere. */
  readonly host: string | undefined;
  /** Docker's client folder: `config.json`, credentials. */
  readonly configFolder: string;
  readonly debug: boolean;
}

export type { Engine };

/** What a verb's own flags may say of the engine. */
export type FurtherOptions = Pick<EngineOptions, 'insecureRegistries'>;

/** How the program is put together: the expensive parts, each made at its first use. */
export interface Wiring {
  openEngine(globals: Globals, further?: FurtherOptions): Promise<Engine>;
}
