import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type BuildEvent,
  type BuildOptions,
  exportCache,
  folderTree,
  ignoringTree,
  importCache,
  type NamedContext,
  openContext,
  openScratch,
  solve,
  storeImage,
  storeIndex,
  type Tree,
} from '../build/index.ts';
import {
  checkDockerfile,
  type Dockerfile,
  type Finding,
  findingsFail,
  PROXY_ARGS,
  parseIgnore,
  platformArgs,
} from '../dockerfile/index.ts';
import { type Image, readRecord, requireImage } from '../image/index.ts';
import {
  type Descriptor,
  formatReference,
  hostPlatform,
  type Platform,
  parseReference,
  withDefaultTag,
} from '../oci/index.ts';
import { type ByteStream, EngineError, errorMessage, type Job, startJob } from '../std/index.ts';
import type { TransferEvent } from '../transfer/index.ts';
import { type BuildOutput, writeOutput } from './build-output.ts';
import { startRecord } from './build-record.ts';
import type { Engine } from './engine.ts';
import { ensureImage } from './ensure-image.ts';
import { imageEvent } from './image-event.ts';

/** What `docker build` takes, parsed. */
export interface BuildSettings
  extends Omit<BuildOptions, 'dockerfile' | 'context' | 'resolveImage' | 'namedContexts' | 'epoch' | 'platform'> {
  /** Several make an index; this host's where none is named. */
  readonly platforms?: readonly Platform[];
  /** The Dockerfile's path; `-` for standard input. */
  readonly file?: string;
  readonly stdin?: ByteStream;
  /** Names of the image; dangling without. */
  readonly tags?: readonly string[];
  /** Asks the registries for newer base images. */
  readonly pull?: boolean;
  /** `--build-context`: a folder, or `docker-image://NAME`. */
  readonly contexts?: ReadonlyMap<string, string>;
  readonly epoch?: Date;
  /** Folders whose steps are taken in first, and where those of this build are written. */
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  /** Where it goes beside the store; with one that is no image it gets no name there. */
  readonly outputs?: readonly BuildOutput[];
  readonly signal?: AbortSignal;
}

export type BuildProgress = BuildEvent | { readonly kind: 'transfer'; readonly event: TransferEvent };

export interface Built {
  /** The first platform's. */
  readonly image: Image;
  /** What the names mean: the image's manifest, or the index of several. */
  readonly target: Descriptor;
  readonly findings: readonly Finding[];
}

/** Builds an image from a Dockerfile and a context: a folder, a tar, a URL, a git repository, or `-` for standard input. */
export function build(engine: Engine, location: string, settings: BuildSettings = {}): Job<BuildProgress, Built> {
  return startJob(async ({ signal, report }) => {
    const { store, root } = engine;
    const tags = (settings.tags ?? []).map(tagOf);
    using scratch = openScratch(root);
    using opened = await openContext({
      location,
      stdin: settings.stdin ?? nothing(),
      scratch: scratch.path,
      root,
      signal,
      ...(settings.file !== undefined && { file: settings.file }),
    });
    const { dockerfile, tree } = opened;
    const findings = findingsOf(settings, opened);
    for (const { rule, message, line } of findings) report({ kind: 'warning', message: `${rule}: ${message}`, line });
    for (const name of unusedArgs(dockerfile, settings.buildArgs))
      report({ kind: 'warning', message: `the build argument ${name} is not asked for by any ARG` });
    if (findings.length > 0 && findingsFail(dockerfile))
      throw new EngineError(
        'InvalidArgument',
        `the Dockerfile asks to fail where checks find something, and they found ${findings.length}`,
      );
    await using lease = await store.lease();
    const place = { root, store, scratch: scratch.path, snapshots: () => engine.snapshots() };
    const { platforms = [] } = settings;
    const outputs = settings.outputs ?? [];
    const kept = outputs.length === 0 || outputs.some(({ type }) => type === 'image');
    if (platforms.length > 1 && outputs.some(({ type }) => type !== 'image'))
      throw new EngineError('InvalidArgument', 'several platforms are an index, which no --output holds but the image');
    for (const folder of settings.cacheFrom ?? []) await importCache(root, store, folder, signal);
    const images: Image[] = [];
    for (const platform of platforms.length > 0 ? platforms : [undefined]) {
      const recording = startRecord(root, location, { ...settings, platform });
      const solving = solve(
        place,
        {
          ...settings,
          ...(platform && { platform }),
          dockerfile,
          context: async () => tree,
          namedContexts: namedContexts(settings.contexts ?? new Map()),
          resolveImage: async (name, wanted) => {
            const image = await baseImage(engine, name, { platform: wanted, settings, signal, report });
            await lease.add(image.manifestDescriptor.digest, image.target.digest);
            return image;
          },
        },
        { signal, report, ...recording },
      );
      const state = await solving.catch((error: unknown) => {
        recording.end({ error: errorMessage(error) });
        throw error;
      });
      const image = await storeImage(store, state, {
        ...(settings.labels && { labels: settings.labels }),
        ...(settings.epoch && { epoch: settings.epoch }),
      });
      recording.end({ image: image.id });
      for (const folder of settings.cacheTo ?? [])
        await exportCache(
          root,
          store,
          folder,
          recording.steps.map(({ key }) => key),
        );
      for (const output of outputs) await writeOutput(place, output, { image, state, names: tags, signal });
      images.push(image);
    }
    const [image] = images as [Image];
    if (!kept) return { image, target: image.target, findings };
    const target = images.length === 1 ? image.target : await storeIndex(store, images);
    if (tags.length === 0) await store.images.set(undefined, target);
    for (const name of tags) {
      await store.images.set(name, target);
      imageEvent(engine, 'tag', name);
    }
    return { image, target, findings };
  }, settings);
}

/** What the checks find in a Dockerfile, without building it. */
export async function checkBuild(
  engine: Engine,
  location: string,
  settings: BuildSettings = {},
): Promise<readonly Finding[]> {
  using scratch = openScratch(engine.root);
  using opened = await openContext({
    location,
    stdin: settings.stdin ?? nothing(),
    scratch: scratch.path,
    root: engine.root,
    signal: settings.signal ?? new AbortController().signal,
    ...(settings.file !== undefined && { file: settings.file }),
  });
  return findingsOf(settings, opened);
}

function findingsOf(
  { platforms: [platform = hostPlatform()] = [], buildArgs }: BuildSettings,
  {
    dockerfile,
    ignore,
  }: { dockerfile: BuildOptions['dockerfile']; ignore: Parameters<typeof checkDockerfile>[1]['ignore'] },
): Finding[] {
  return checkDockerfile(dockerfile, {
    platform: platformArgs({ build: hostPlatform(), target: platform }),
    ...(buildArgs && { buildArgs }),
    ...(ignore && { ignore }),
  });
}

async function baseImage(
  engine: Engine,
  name: string,
  {
    platform,
    settings,
    signal,
    report,
  }: {
    platform: Platform | undefined;
    settings: BuildSettings;
    signal: AbortSignal;
    report(event: BuildProgress): void;
  },
): Promise<Image> {
  await ensureImage(engine, name, {
    policy: settings.pull ? 'always' : 'missing',
    signal,
    ...(platform && { platform }),
    async follow(job) {
      for await (const event of job) report({ kind: 'transfer', event });
      return job.result;
    },
  });
  const { record, image } = await requireImage(engine.store, name);
  return platform ? readRecord(engine.store.content, record, platform) : image;
}

function namedContexts(contexts: ReadonlyMap<string, string>): ReadonlyMap<string, NamedContext> {
  return new Map(
    [...contexts].map(([name, where]): [string, NamedContext] => {
      const [, image] = /^docker-image:\/\/(.+)$/.exec(where) ?? [];
      return [name, image === undefined ? { tree: contextFolder(where) } : { image }];
    }),
  );
}

/** A further context, without what its own `.dockerignore` names. */
function contextFolder(path: string): Tree {
  const ignore = join(path, '.dockerignore');
  const tree = folderTree(resolve(path));
  if (tree.node('')?.type !== 'directory') throw new EngineError('NotFound', `no folder ${path} to be a context`);
  return existsSync(ignore) ? ignoringTree(tree, parseIgnore(readFileSync(ignore, 'utf8'))) : tree;
}

/** `--build-arg` names that no ARG asks for: a slip of the pen, most likely. */
function unusedArgs({ instructions }: Dockerfile, buildArgs: ReadonlyMap<string, string> = new Map()): string[] {
  const asked = new Set(instructions.flatMap((one) => (one.kind === 'ARG' ? one.args.map(({ name }) => name) : [])));
  const known = (name: string): boolean =>
    asked.has(name) || PROXY_ARGS.has(name) || name === 'SOURCE_DATE_EPOCH' || /^(?:BUILDKIT_|TARGET|BUILD)/.test(name);
  return [...asked].some((name) => name.includes('$')) ? [] : [...buildArgs.keys()].filter((name) => !known(name));
}

function tagOf(text: string): string {
  const reference = parseReference(text);
  if (reference.digest)
    throw new EngineError('InvalidArgument', `${text}: an image is built under NAME[:TAG], not under a digest`);
  return formatReference(withDefaultTag(reference));
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
