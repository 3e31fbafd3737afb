import { requireImage } from '../image/index.ts';
import { lockFile } from '../linux/index.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { type ImageSink, type ImageSource, ociLayout, readArchive, storeSink, storeSource } from '../transfer/index.ts';
import { type Engine, openEngine } from './engine.ts';
import type { EngineOptions } from './options.ts';
import { Registries } from './registries.ts';

/** Where an image can be, as `strata copy` names it: a transport and what it needs. */
export type Place =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | { readonly kind: 'store'; readonly name: string }
  | { readonly kind: 'layout'; readonly path: string; readonly reference?: string }
  | { readonly kind: 'archive'; readonly format: 'docker' | 'oci'; readonly path: string; readonly reference?: string };

/** Transports under skopeo's names, so that what is known from there works here. */
const TRANSPORTS = ['docker://', 'store:', 'oci:', 'oci-archive:', 'docker-archive:'] as const;

/** Reads `docker://HOST/NAME:TAG`, `oci:DIR[:REF]`, `docker-archive:FILE[:REF]`, `oci-archive:FILE[:REF]`, `store:NAME`; a bare name is a registry's. */
export function parsePlace(text: string): Place {
  const transport = TRANSPORTS.find((prefix) => text.startsWith(prefix)) ?? 'docker://';
  const rest = text.startsWith(transport) ? text.slice(transport.length) : text;
  if (rest === '') throw new EngineError('InvalidArgument', `${text}: nothing after ${transport}`);
  if (transport === 'docker://') return { kind: 'registry', reference: withDefaultTag(parseReference(rest)) };
  if (transport === 'store:') return { kind: 'store', name: rest };
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const reference = colon < 0 ? {} : { reference: rest.slice(colon + 1) };
  if (transport === 'oci:') return { kind: 'layout', path, ...reference };
  return { kind: 'archive', format: transport === 'oci-archive:' ? 'oci' : 'docker', path, ...reference };
}

/** Opens places; the state folder only where a place is in it. Disposing closes what it opened. */
export class Places implements AsyncDisposable {
  readonly #options: EngineOptions;
  readonly #stop: { readonly signal?: AbortSignal };
  readonly #open: AsyncDisposableStack = new AsyncDisposableStack();
  #registries: Promise<Registries> | undefined;
  #engine: Promise<Engine> | undefined;

  /** `signal` ends what is asked of registries. */
  constructor(options: EngineOptions, { signal }: { signal?: AbortSignal } = {}) {
    this.#options = options;
    this.#stop = signal ? { signal } : {};
  }

  async source(place: Place): Promise<ImageSource> {
    switch (place.kind) {
      case 'registry':
        return (await this.#openRegistries()).place(place.reference, this.#stop);
      case 'layout':
        return ociLayout(place.path, place.reference);
      case 'store': {
        const { store } = await this.#store();
        const { record } = await requireImage(store, place.name);
        return storeSource(store.content, record.descriptor, place.name);
      }
      case 'archive':
        return this.#fromArchive(place);
    }
  }

  /** Archives are written whole, by {@link saveImages}: they are no sink. */
  async sink(place: Exclude<Place, { kind: 'archive' }>): Promise<ImageSink> {
    switch (place.kind) {
      case 'registry':
        return (await this.#openRegistries()).place(place.reference, this.#stop);
      case 'layout':
        return ociLayout(place.path, place.reference, { lock: lockFile });
      case 'store': {
        const { store } = await this.#store();
        const name = formatReference(withDefaultTag(parseReference(place.name)));
        this.#open.use(await store.lease());
        return storeSink(store, { record: async (target) => void (await store.images.set(name, target)) });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }

  async #fromArchive(place: Extract<Place, { kind: 'archive' }>): Promise<ImageSource> {
    const archive = this.#open.use(await readArchive(place.path));
    const wanted = place.reference;
    const found = archive.images.find(
      ({ references }) => wanted === undefined || references.some((name) => sameName(name, wanted)),
    );
    if (found) return found.source;
    const offered = archive.images.flatMap(({ references }) => references).join(', ');
    throw new EngineError(
      'NotFound',
      `${place.path} holds no image ${wanted ?? ''}; it has ${offered || 'none with a name'}`,
    );
  }

  #openRegistries(): Promise<Registries> {
    this.#registries ??= Registries.open(this.#options).then((registries) => this.#open.use(registries));
    return this.#registries;
  }

  #store(): Promise<Engine> {
    this.#engine ??= openEngine(this.#options).then((engine) => this.#open.use(engine));
    return this.#engine;
  }
}

/** Names are equal in full, or one is what people write of the other. */
function sameName(a: string, b: string): boolean {
  try {
    return formatReference(withDefaultTag(parseReference(a))) === formatReference(withDefaultTag(parseReference(b)));
  } catch {
    return a === b;
  }
}
