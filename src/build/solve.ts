import {
  type Dockerfile,
  errorAt,
  expand,
  findStage,
  globalArgs,
  type Instruction,
  platformArgs,
  type Stage,
  stagesOf,
} from '../dockerfile/index.ts';
import { type Image, platformOf, storeLayer } from '../image/index.ts';
import { hostPlatform, type Platform, parsePlatform } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import { EngineError } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import { removeAbandoned } from './abandoned.ts';
import { openCache } from './cache.ts';
import { explainMiss } from './explain.ts';
import { type BuildRecord, type BuiltStep, openHistory } from './history.ts';
import { treeTar } from './layer-tar.ts';
import { chainOf, Layers } from './layers.ts';
import type { BuildEvent, BuildOptions } from './options.ts';
import { type Session, turns } from './session.ts';
import { buildStage } from './stage-builder.ts';
import { type BuildState, imageState, inheritState, scratchState, type Variables } from './state.ts';
import type { NamedTree } from './step.ts';
import type { Tree } from './tree.ts';
import { unionTree } from './union-tree.ts';

/** Containers at a time: most of them wait for the network or a disk. */
const AT_ONCE = 8;

/** What a build works with. */
export interface BuildPlace {
  readonly root: string;
  readonly store: Store;
  /** A folder that goes with the build. */
  readonly scratch: string;
  snapshots(): Promise<Snapshotter>;
}

/** Builds the target stage, and what it needs; stages that do not need each other at the same time. The caller holds a lease. */
export async function solve(
  place: BuildPlace,
  options: BuildOptions,
  {
    signal,
    report,
    steps,
    subject,
  }: {
    signal: AbortSignal;
    report(event: BuildEvent): void;
    /** Takes what was made or found. */
    steps: BuiltStep[];
    /** What this build is compared with. */
    subject: string;
  },
): Promise<BuildState> {
  const history = openHistory(place.root);
  let before: { record: BuildRecord | undefined } | undefined;
  const earlier = (): BuildRecord | undefined => {
    before ??= { record: history.latest(subject) };
    return before.record;
  };
  const failed = new AbortController();
  let opened: Promise<Snapshotter> | undefined;
  const snapshots = async (): Promise<Snapshotter> => {
    const snapshotter = await place.snapshots();
    await removeAbandoned(place.root, snapshotter);
    return snapshotter;
  };
  const session: Session = {
    ...place,
    snapshots() {
      opened ??= snapshots();
      return opened;
    },
    options,
    cache: openCache(place.root),
    layers: new Layers(place.store, place.scratch),
    signal: AbortSignal.any([signal, failed.signal]),
    report,
    steps,
    explain: (step) => explainMiss(history, earlier(), step),
    keepReads: (lines) => history.keepReads(lines),
    turn: turns(AT_ONCE),
  };
  return new Solver(session, failed).target();
}

class Solver {
  readonly #session: Session;
  readonly #failed: AbortController;
  readonly #dockerfile: Dockerfile;
  readonly #stages: readonly Stage[];
  readonly #variables: Variables;
  readonly #built = new Map<number, Promise<BuildState>>();
  readonly #images = new Map<string, Promise<BuildState>>();
  readonly #platform: Platform;
  #context: Promise<Tree> | undefined;

  constructor(session: Session, failed: AbortController) {
    const { dockerfile, platform, target, buildArgs = new Map() } = session.options;
    const { globals, stages } = stagesOf(dockerfile);
    this.#session = session;
    this.#failed = failed;
    this.#dockerfile = dockerfile;
    this.#stages = stages;
    this.#platform = platform ?? hostPlatform();
    const escapeCharacter = dockerfile.escapeCharacter;
    const platforms = platformArgs({ build: hostPlatform(), target: this.#platform }, targetName(stages, target));
    this.#variables = {
      globals: globalArgs(globals, { platform: platforms, buildArgs, escapeCharacter }),
      buildArgs,
      escapeCharacter,
    };
  }

  async target(): Promise<BuildState> {
    const { target } = this.#session.options;
    const stage = target === undefined ? this.#stages.at(-1) : findStage(this.#stages, target, { numbers: true });
    if (!stage) throw new EngineError('NotFound', noTarget(target ?? '', this.#stages));
    try {
      return await this.#stage(stage);
    } finally {
      // Others may run still, for a step that failed or was never reached: nothing of them outlives the build.
      this.#failed.abort(new EngineError('Conflict', 'another step of the build failed'));
      await Promise.allSettled([...this.#built.values(), ...this.#images.values()]);
    }
  }

  #stage(stage: Stage): Promise<BuildState> {
    const known = this.#built.get(stage.index);
    if (known !== undefined) return known;
    const state = this.#build(stage);
    state.catch((error: unknown) => this.#failed.abort(error));
    this.#built.set(stage.index, state);
    return state;
  }

  async #build(stage: Stage): Promise<BuildState> {
    const { options } = this.#session;
    this.#startSources(stage);
    const start = await this.#start(stage);
    const name = stage.name ?? String(stage.index);
    const noCache = options.noCache instanceof Set ? options.noCache.has(name) : options.noCache === true;
    return buildStage(this.#session, start, {
      name,
      dockerfile: this.#dockerfile,
      instructions: stage.instructions,
      noCache,
      treeOf: (from, instruction) => this.#treeOf(stage, from, instruction),
    });
  }

  /** Stages that this one copies from begin along with it. */
  #startSources(stage: Stage): void {
    for (const instruction of stage.instructions) {
      const from = instruction.kind === 'COPY' ? instruction.from : undefined;
      const needed = from === undefined ? undefined : this.#find(from, stage);
      if (needed) this.#stage(needed).catch(() => {}); // thrown where it is needed
    }
  }

  async #start({ from, index }: Stage): Promise<BuildState> {
    const { globals } = this.#variables;
    const fail = (problem: string): Error => errorAt(this.#dockerfile, from, problem);
    const { escapeCharacter } = this.#variables;
    let base: string;
    let platform: Platform | undefined;
    try {
      base = expand(from.base, globals, { escapeCharacter }).text;
      const text = from.platform === undefined ? '' : expand(from.platform, globals, { escapeCharacter }).text;
      platform = text === '' ? undefined : parsePlatform(text);
    } catch (error) {
      throw error instanceof EngineError ? fail(error.message) : error;
    }
    if (base === '') throw fail(`${from.base} is empty: the base image needs a name`);
    const scratch = scratchState(platform ?? this.#platform, this.#variables);
    const named = this.#session.options.namedContexts?.get(base);
    if (named && 'tree' in named) return this.#folderState(scratch, named.tree);
    const below = named ? undefined : findStage(this.#stages, base, { before: index });
    if (below) return inheritState(await this.#stage(below), this.#variables);
    if (base === 'scratch' && !named) return scratch;
    try {
      return await this.#image(base, platform);
    } catch (error) {
      const isPlain =
        error instanceof EngineError &&
        error.name === 'EngineError' &&
        (error.code === 'NotFound' || error.code === 'InvalidArgument');
      throw isPlain ? errorAt(this.#dockerfile, from, error.message, error) : error;
    }
  }

  /** A folder as a base: one layer of all that is in it. */
  async #folderState(scratch: BuildState, tree: Tree): Promise<BuildState> {
    const { store, signal } = this.#session;
    const descriptor = await storeLayer(store, treeTar(tree), { signal });
    return { ...scratch, stack: [{ descriptor, diffID: descriptor.digest }] };
  }

  /** An image's state, read once. */
  #image(name: string, platform: Platform | undefined): Promise<BuildState> {
    const { options } = this.#session;
    const named = options.namedContexts?.get(name);
    const wanted = platform ?? options.platform;
    const key = `${name} ${JSON.stringify(wanted)}`;
    const known = this.#images.get(key);
    const state =
      known ??
      options
        .resolveImage(named && 'image' in named ? named.image : name, wanted)
        .then((image) => stateOf(image, this.#variables));
    this.#images.set(key, state);
    return state.then((found) => inheritState({ ...found, cmdSet: false }, this.#variables));
  }

  #find(name: string, { index }: Stage): Stage | undefined {
    return findStage(this.#stages, name, { before: index, numbers: true });
  }

  async #treeOf(stage: Stage, from: string | undefined, instruction: Instruction): Promise<NamedTree> {
    if (from === undefined) {
      this.#context ??= this.#session.options.context();
      const context = this.#context;
      return { tree: () => context, where: 'the build context' };
    }
    const named = this.#session.options.namedContexts?.get(from);
    if (named && 'tree' in named) return { tree: async () => named.tree, where: `the context ${from}` };
    const needed = named ? undefined : this.#find(from, stage);
    if (needed) return this.#stackTree(await this.#stage(needed), `the stage ${from}`);
    if (/^\d+$/.test(from)) throw errorAt(this.#dockerfile, instruction, `there is no stage ${from} above`);
    if (from === 'scratch') throw errorAt(this.#dockerfile, instruction, 'there is nothing in scratch to copy');
    return this.#stackTree(await this.#image(from, undefined), `the image ${from}`);
  }

  #stackTree({ stack }: BuildState, where: string): NamedTree {
    return { tree: () => unionTree(this.#session.layers, stack), digest: chainOf(stack) ?? 'scratch', where };
  }
}

function stateOf(image: Image, variables: Variables): BuildState {
  const { config, manifest } = image;
  const stack = manifest.layers.map((descriptor, index) => ({
    descriptor,
    diffID: config.rootfs.diff_ids[index] as (typeof config.rootfs.diff_ids)[number],
  }));
  return imageState(
    {
      stack,
      config: config.config ?? {},
      history: config.history ?? [],
      platform: platformOf(config),
      ...(config.author !== undefined && { author: config.author }),
      ...(config.created !== undefined && { created: config.created }),
    },
    variables,
  );
}

function targetName(stages: readonly Stage[], target: string | undefined): string {
  const stage = target === undefined ? stages.at(-1) : findStage(stages, target, { numbers: true });
  return stage?.name ?? (target === undefined ? 'default' : target);
}

function noTarget(target: string, stages: readonly Stage[]): string {
  const names = stages.map(({ name, index }) => name ?? String(index));
  return `there is no stage ${JSON.stringify(target)}; there are ${names.join(', ')}`;
}
