import type { Dockerfile } from '../dockerfile/index.ts';
import type { Image } from '../image/index.ts';
import type { Digest, Platform } from '../oci/index.ts';
import type { Ulimit } from '../runtime/index.ts';
import type { Tree } from './tree.ts';

/** Where a secret is read when a step asks for it; it is never kept. */
export type SecretSource = { readonly file: string } | { readonly env: string };

/** What a `--build-context` name stands for. */
export type NamedContext = { readonly tree: Tree; readonly digest?: string } | { readonly image: string };

/** What a Dockerfile may have only where the one who builds says so. */
export type Entitlement = 'network.host' | 'security.insecure';

export interface BuildOptions {
  readonly dockerfile: Dockerfile;
  /** Opened when the first instruction reads from it. */
  context(): Promise<Tree>;
  /** A stage's name or number; the last one where nothing is said. */
  readonly target?: string;
  readonly buildArgs?: ReadonlyMap<string, string>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  /** Every step anew, or those of the stages that are named. */
  readonly noCache?: boolean | ReadonlySet<string>;
  readonly namedContexts?: ReadonlyMap<string, NamedContext>;
  readonly secrets?: ReadonlyMap<string, SecretSource>;
  /** Agents' sockets by id. */
  readonly ssh?: ReadonlyMap<string, string>;
  readonly allow?: ReadonlySet<Entitlement>;
  readonly network?: 'none' | 'host';
  /** `name:address`. */
  readonly addHosts?: readonly string[];
  readonly shmSize?: number;
  readonly ulimits?: readonly Ulimit[];
  /** SOURCE_DATE_EPOCH: what this build makes is no younger. */
  readonly epoch?: Date;
  /** Finds the image that a FROM names, pulling it where need be; `stage` says for whom. */
  resolveImage(name: string, platform: Platform | undefined): Promise<Image>;
}

export type BuildEvent =
  /** A step begins: `step` counts from 1 within its stage. */
  | {
      readonly kind: 'step';
      readonly id: string;
      readonly stage: string;
      readonly step: number;
      readonly steps: number;
      readonly text: string;
    }
  | { readonly kind: 'output'; readonly id: string; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly cached: boolean;
      readonly milliseconds: number;
      readonly key?: string;
      /** Why no earlier result fitted. */
      readonly why?: string;
      readonly diffID?: Digest;
    }
  | { readonly kind: 'warning'; readonly message: string; readonly line?: number };
