import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Descriptor,
  type Digest,
  describe,
  digestOf,
  encodeDocument,
  formatReference,
  hexOf,
  type Index,
  isDigest,
  MediaType,
  type Platform,
  parseImageConfig,
  parseManifest,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { EngineError, isErrno, type Job, readAll, startJob, writeFileAtomic } from '../std/index.ts';
import { copyImage, type ImageSource, type TransferEvent } from '../transfer/index.ts';
import type { Engine } from './engine.ts';

/** An index that is being put together: kept in the state folder until it is pushed. */
interface Draft {
  readonly name: string;
  readonly entries: readonly { readonly reference: string; readonly descriptor: Descriptor }[];
}

/** Begins an index of images that registries hold. Conflict where one of that name was begun, unless `amend` adds to it. */
export async function createManifestList(
  engine: Engine,
  name: string,
  members: readonly string[],
  { amend = false, signal }: { amend?: boolean; signal?: AbortSignal } = {},
): Promise<string> {
  const full = nameOf(name);
  const before = await readDraft(engine, full);
  if (before && !amend)
    throw new EngineError(
      'Conflict',
      `the manifest list ${name} was begun already; add to it with --amend, or strata manifest rm ${name}`,
    );
  const entries = new Map((before?.entries ?? []).map((entry) => [entry.descriptor.digest, entry]));
  for (const member of members) {
    const reference = withDefaultTag(parseReference(member));
    for (const descriptor of await describeMembers(
      (await engine.registries()).place(reference, signal ? { signal } : {}),
    ))
      entries.set(descriptor.digest, { reference: formatReference(reference), descriptor });
  }
  await writeDraft(engine, { name: full, entries: [...entries.values()] });
  return full;
}

/** Says for which platform a member is. */
export async function annotateManifestList(
  engine: Engine,
  name: string,
  member: string,
  platform: Partial<Platform>,
): Promise<void> {
  const draft = await requireDraft(engine, name);
  const wanted = parseReference(member);
  const full = formatReference(withDefaultTag(wanted));
  const matches = draft.entries.filter(
    ({ reference, descriptor }) => reference === full || descriptor.digest === wanted.digest,
  );
  if (matches.length === 0)
    throw new EngineError(
      'NotFound',
      `${member} is not in the manifest list ${name}; it has ${draft.entries.map(({ reference }) => reference).join(', ')}`,
    );
  const entries = draft.entries.map((entry) => {
    if (!matches.includes(entry)) return entry;
    const { os = 'linux', architecture = 'unknown', ...rest } = { ...entry.descriptor.platform, ...platform };
    return { ...entry, descriptor: { ...entry.descriptor, platform: { os, architecture, ...rest } } };
  });
  await writeDraft(engine, { ...draft, entries });
}

/** Sends the members that the target repository lacks, and then the index. */
export function pushManifestList(
  engine: Engine,
  name: string,
  { purge = false, signal }: { purge?: boolean; signal?: AbortSignal } = {},
): Job<TransferEvent, Digest> {
  return startJob(
    async (context) => {
      const draft = await requireDraft(engine, name);
      const target: Reference = parseReference(draft.name);
      const sink = (await engine.registries()).place(target, { signal: context.signal });
      for (const { reference, descriptor } of draft.entries) {
        const source = (await engine.registries()).place(parseReference(reference), { signal: context.signal });
        const member: ImageSource = { ...source, resolve: () => source.manifest(descriptor) };
        const { registry, repository } = target;
        await copyImage(
          member,
          (await engine.registries()).place(
            { registry, repository, digest: descriptor.digest },
            { signal: context.signal },
          ),
          context,
        );
      }
      const bytes = encodeDocument(indexOf(draft));
      const descriptor = describe(bytes, MediaType.ociIndex);
      await sink.finish({ bytes, descriptor });
      if (purge) await removeManifestList(engine, name);
      return descriptor.digest;
    },
    signal ? { signal } : {},
  );
}

/** The index as it would be pushed; where none was begun, the one (or the manifest) that the registry has. */
export async function inspectManifest(
  engine: Engine,
  name: string,
  options: { signal?: AbortSignal } = {},
): Promise<object> {
  const draft = await readDraft(engine, nameOf(name));
  if (draft) return indexOf(draft);
  const { bytes } = await (await engine.registries()).place(withDefaultTag(parseReference(name)), options).resolve();
  return JSON.parse(bytes.toString('utf8'));
}

/** Forgets a list that was begun. */
export async function removeManifestList(engine: Engine, name: string): Promise<void> {
  await requireDraft(engine, name);
  await rm(draftPath(engine, nameOf(name)), { force: true });
}

function indexOf({ entries }: Draft): Index {
  return { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: entries.map(({ descriptor }) => descriptor) };
}

/** The images behind a reference, each with its platform: read from its config where the registry's index does not say. */
async function describeMembers(source: ImageSource): Promise<Descriptor[]> {
  const top = await source.resolve();
  const document = parseManifest(top.bytes, top.descriptor.mediaType);
  if (document.kind === 'index') return [...document.index.manifests];
  const { config } = document.manifest;
  const bytes = await readAll(await source.blob(config), { limit: 8 << 20, what: `config ${config.digest}` });
  if (digestOf(bytes) !== config.digest)
    throw new EngineError('DataLoss', `${source.name}: config ${config.digest} came with other bytes`);
  const { os, architecture, variant } = parseImageConfig(bytes);
  const { mediaType, digest, size } = top.descriptor;
  return [{ mediaType, digest, size, platform: { os, architecture, ...(variant !== undefined && { variant }) } }];
}

function nameOf(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)));
}

function draftPath({ root }: Engine, name: string): string {
  return join(root, 'manifest-lists', `${hexOf(digestOf(name))}.json`);
}

async function readDraft(engine: Engine, name: string): Promise<Draft | undefined> {
  try {
    const draft = JSON.parse(await readFile(draftPath(engine, name), 'utf8')) as Draft;
    if (draft.name === name && draft.entries.every(({ descriptor }) => isDigest(descriptor.digest))) return draft;
    throw new EngineError(
      'DataLoss',
      `the record of manifest list ${name} is damaged; remove it with strata manifest rm`,
    );
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function requireDraft(engine: Engine, name: string): Promise<Draft> {
  const draft = await readDraft(engine, nameOf(name));
  if (!draft)
    throw new EngineError(
      'NotFound',
      `no manifest list ${name} was begun; begin one with strata manifest create ${name} IMAGE…`,
    );
  return draft;
}

async function writeDraft(engine: Engine, draft: Draft): Promise<void> {
  const path = draftPath(engine, draft.name);
  await mkdir(join(engine.root, 'manifest-lists'), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, JSON.stringify(draft));
}
