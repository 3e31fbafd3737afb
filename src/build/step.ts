import type { Instruction } from '../dockerfile/index.ts';
import type { Descriptor, History } from '../oci/index.ts';
import { type KeyParts, keyOf } from './cache.ts';
import { chainOf } from './layers.ts';
import type { Session } from './session.ts';
import type { BuildState } from './state.ts';
import type { Tree } from './tree.ts';

/** A tree that an instruction names with `--from`, and what tells it from another one. */
export interface NamedTree {
  readonly tree: () => Promise<Tree>;
  /** What it holds, where that is known without reading it. */
  readonly digest?: string;
  readonly where: string;
}

/** Finds the tree that `--from` names for an instruction; the context where it names none. */
export type TreeFinder = (from: string | undefined, instruction: Instruction) => Promise<NamedTree>;

/** Something that makes a layer: what its result depends on, and how it is made where no earlier result fits. */
export interface Step {
  readonly parts: KeyParts;
  readonly createdBy: string;
  /** The names that it reads, for telling what changed; their digest is a part. */
  readonly reads?: readonly string[];
  make(): Promise<Descriptor | undefined>;
}

/** A state, and how it came about. */
export interface Done {
  readonly state: BuildState;
  readonly cached: boolean;
  /** Of a step that may make a layer. */
  readonly taken?: { readonly key: string; readonly parts: KeyParts; readonly why?: string; readonly layered: boolean };
}

/** What every step's result depends on. */
export function baseParts({ options }: Session, { platform, stack }: BuildState): Record<string, string> {
  const { epoch } = options;
  return {
    parent: chainOf(stack) ?? 'scratch',
    platform: [platform.os, platform.architecture, platform.variant ?? ''].join('/'),
    ...(epoch && { epoch: epoch.toISOString() }),
  };
}

/** Takes a step's layer from the cache, or makes it. */
export async function takeStep(
  session: Session,
  state: BuildState,
  step: Step,
  { id, noCache }: { id: string; noCache: boolean },
): Promise<Done> {
  const { cache, store, options } = session;
  const key = keyOf(step.parts);
  const known = noCache ? undefined : cache.get(key);
  const found = known && (known.layer === undefined || (await store.content.touch(known.layer.digest)));
  const why = found ? undefined : noCache ? 'the cache was not to be used' : session.explain({ id, key, ...step });
  const layer = found ? known.layer : await step.make();
  const created = found ? known.created : (options.epoch ?? new Date()).toISOString();
  if (!found) cache.set({ key, created, createdBy: step.createdBy, parts: step.parts, ...(layer && { layer }) });
  const grown = layer ? { ...state, stack: [...state.stack, { descriptor: layer, diffID: layer.digest }] } : state;
  const next = withHistory(
    { ...grown, created },
    { createdBy: `${step.createdBy} # buildkit`, created, empty: !layer },
  );
  return {
    state: next,
    cached: found === true,
    taken: { key, parts: step.parts, layered: layer !== undefined, ...(why !== undefined && { why }) },
  };
}

export function withHistory(
  state: BuildState,
  { createdBy, created, empty }: { createdBy: string; created: string; empty: boolean },
): BuildState {
  const entry: History = {
    created,
    created_by: createdBy,
    comment: 'buildkit.dockerfile.v0',
    ...(empty && { empty_layer: true }),
  };
  return { ...state, history: [...state.history, entry] };
}
