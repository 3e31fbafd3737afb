import { DEFAULT_REGISTRY, type Descriptor, type Digest, isDigest } from '../oci/index.ts';
import { type ByteStream, EngineError } from '../std/index.ts';
import { hostnameOf, isLoopbackHost } from './address.ts';
import { createAuthorizer, type RealmMemory } from './authorizer.ts';
import { type DownloadOptions, downloadBlob } from './blob-download.ts';
import { type BlobIdentity, type MadeBlob, mountBlob, sendBlob, sendMadeBlob } from './blob-upload.ts';
import { defaultCertificateFolders } from './certificates.ts';
import { type Credentials, loadCredentials } from './credentials.ts';
import { createEndpoint, type Endpoint } from './endpoint.ts';
import { type ListOptions, listReferrers, listRepositories, listTags } from './lists.ts';
import {
  deleteManifest,
  type FetchedManifest,
  fetchManifest,
  headManifest,
  type ManifestOptions,
  putManifest,
} from './manifests.ts';
import { isInSubnet } from './proxy.ts';
import { pullScope, pushScope } from './scope.ts';
import { type SearchOptions, type SearchResult, searchRepositories } from './search.ts';
import { openTransport, type Transport } from './transport.ts';
import type { OpenContent, UploadOptions } from './upload-content.ts';

export interface ClientOptions {
  /** For the registry itself; where absent they come from the config file and its helpers. Mirrors always use what is stored for them. */
  readonly credentials?: Credentials | undefined;
  /** See `CredentialOptions.configFile`. */
  readonly configFile?: string | undefined;
  /** `HOST[:PORT]` or a subnet: certificates are not verified there, and plain HTTP is taken where there is no TLS. */
  readonly insecureRegistries?: readonly string[] | undefined;
  /** For each registry, where to pull from first, in order: `HOST[:PORT]`, or a URL with a path. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Folders like `/etc/docker/certs.d`, besides the usual ones. */
  readonly certificateFolders?: readonly string[] | undefined;
  /** Remembers which token server a registry uses, and refuses another one. */
  readonly realms?: RealmMemory | undefined;
  /** Tries for each request, and between two pieces of progress of a blob. */
  readonly attempts?: number | undefined;
  /** Milliseconds before a second try. */
  readonly backoff?: number | undefined;
  /** Milliseconds until a connection stands, until an answer begins, and between two pieces of it. */
  readonly connectTimeout?: number | undefined;
  readonly answerTimeout?: number | undefined;
  readonly idleTimeout?: number | undefined;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A registry, by the distribution specification. Errors are EngineErrors; what the registry itself says is a RegistryError. */
export interface RegistryClient extends AsyncDisposable {
  /** As references name it: `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** Whether the registry is there and takes our login; throws what is wrong. */
  ping(options?: CallOptions): Promise<void>;
  /** The digest is verified against what was asked and what the registry says. NotFound where there is none. */
  manifest(repository: string, tagOrDigest: string, options?: ManifestOptions): Promise<FetchedManifest>;
  headManifest(repository: string, tagOrDigest: string, options?: ManifestOptions): Promise<Descriptor | undefined>;
  /** Bytes from `offset` on, going on after cuts; the caller verifies them. */
  blob(repository: string, descriptor: Descriptor, options?: DownloadOptions): Promise<ByteStream>;
  /** `forPush` asks for the access that sending it will need, so that one token does for both. */
  headBlob(
    repository: string,
    digest: Digest,
    options?: CallOptions & { readonly forPush?: boolean },
  ): Promise<{ readonly size: number } | undefined>;
  /** The digest that the registry has confirmed. */
  putManifest(
    repository: string,
    tagOrDigest: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string; readonly signal?: AbortSignal | undefined },
  ): Promise<Digest>;
  /** Looks, then mounts from the repository `from`, then sends. */
  uploadBlob(
    repository: string,
    descriptor: Descriptor,
    open: OpenContent,
    options?: UploadOptions & { readonly from?: string | undefined },
  ): Promise<'exists' | 'mounted' | 'sent'>;
  /** Links a blob of another repository; whether that worked. */
  mountBlob(repository: string, descriptor: Descriptor, from: string, options?: CallOptions): Promise<boolean>;
  /** Sends a blob that is known to be missing. */
  sendBlob(repository: string, descriptor: Descriptor, open: OpenContent, options?: UploadOptions): Promise<void>;
  /** Sends a blob while it is made, and gives what it turned out to be. */
  sendMadeBlob(repository: string, made: MadeBlob, options?: UploadOptions): Promise<BlobIdentity>;
  deleteManifest(repository: string, tagOrDigest: string, options?: CallOptions): Promise<void>;
  tags(repository: string, options?: ListOptions): AsyncIterable<string>;
  catalog(options?: ListOptions): AsyncIterable<string>;
  referrers(
    repository: string,
    digest: Digest,
    options?: ListOptions & { readonly artifactType?: string | undefined },
  ): AsyncIterable<Descriptor>;
  search(term: string, options?: SearchOptions): Promise<SearchResult[]>;
}

const ATTEMPTS = 5;
const MIRROR_ATTEMPTS = 2;
const BACKOFF = 300;
const CONNECT_TIMEOUT = 15_000;
const ANSWER_TIMEOUT = 60_000;
const IDLE_TIMEOUT = 60_000;
// docker.io is a name for three machines.
const DOCKER_HUB_API = 'registry-1.docker.io';
const DOCKER_HUB_SEARCH = 'index.docker.io';

/** Opens nothing yet: connections and credentials come with the first request that needs them. */
export function registryClient(registry: string, options: ClientOptions = {}): RegistryClient {
  const isInsecure = insecureTest(options.insecureRegistries ?? []);
  const transport = openTransport({
    certificateFolders: [...defaultCertificateFolders(), ...(options.certificateFolders ?? [])],
    isInsecure,
    connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT,
    answerTimeout: options.answerTimeout ?? ANSWER_TIMEOUT,
    idleTimeout: options.idleTimeout ?? IDLE_TIMEOUT,
  });
  const open = (place: Place): Endpoint => openEndpoint(place, transport, isInsecure, options);
  const own = open({
    registry,
    host: registry === DEFAULT_REGISTRY ? DOCKER_HUB_API : registry,
    login: options.credentials,
  });
  const mirrors = (options.mirrors?.[registry] ?? []).map((mirror) => open(parseMirror(mirror, isInsecure)));
  const sources = [...mirrors, own];

  return {
    registry,
    async ping({ signal } = {}) {
      const what = `log in to ${registry}`;
      const response = await own.request('/v2/', { method: 'GET', signal, what, scopes: [], expect: [200] });
      await response.body.dump();
    },
    manifest: (repository, tagOrDigest, manifestOptions = {}) =>
      firstOf(sources, manifestOptions.signal, (endpoint) =>
        fetchManifest(endpoint, repository, tagOrDigest, manifestOptions),
      ),
    headManifest: (repository, tagOrDigest, manifestOptions = {}) =>
      firstOf(sources, manifestOptions.signal, (endpoint) =>
        headManifest(endpoint, repository, tagOrDigest, manifestOptions),
      ),
    blob: (repository, descriptor, downloadOptions) => downloadBlob(sources, repository, descriptor, downloadOptions),
    headBlob: (repository, digest, headOptions = {}) => headBlob(own, repository, digest, headOptions),
    putManifest: (repository, tagOrDigest, manifest) => putManifest(own, repository, tagOrDigest, manifest),
    async uploadBlob(repository, descriptor, content, { from, ...uploadOptions } = {}) {
      if (await headBlob(own, repository, descriptor.digest, { signal: uploadOptions.signal, forPush: true }))
        return 'exists';
      if (
        from !== undefined &&
        from !== repository &&
        (await mountBlob(own, repository, descriptor, from, uploadOptions.signal))
      ) {
        return 'mounted';
      }
      await sendBlob(own, repository, descriptor, content, uploadOptions);
      return 'sent';
    },
    mountBlob: (repository, descriptor, from, { signal } = {}) => mountBlob(own, repository, descriptor, from, signal),
    sendBlob: (repository, descriptor, content, uploadOptions) =>
      sendBlob(own, repository, descriptor, content, uploadOptions),
    sendMadeBlob: (repository, made, uploadOptions) => sendMadeBlob(own, repository, made, uploadOptions),
    deleteManifest: (repository, tagOrDigest, callOptions) => deleteManifest(own, repository, tagOrDigest, callOptions),
    tags: (repository, listOptions) => listTags(own, repository, listOptions),
    catalog: (listOptions) => listRepositories(own, listOptions),
    referrers: (repository, digest, listOptions) => listReferrers(own, repository, digest, listOptions),
    search: (term, searchOptions) =>
      searchRepositories(
        registry === DEFAULT_REGISTRY ? open({ registry, host: DOCKER_HUB_SEARCH }) : own,
        term,
        searchOptions,
      ),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

interface Place {
  /** As people name it, and as credentials are stored for it. */
  readonly registry: string;
  readonly host: string;
  readonly prefix?: string;
  readonly login?: Credentials | undefined;
  readonly isMirror?: boolean;
}

function openEndpoint(
  { registry, host, prefix, login, isMirror = false }: Place,
  transport: Transport,
  isInsecure: (host: string) => boolean,
  { configFile, realms, backoff = BACKOFF, attempts = ATTEMPTS }: ClientOptions,
): Endpoint {
  // A mirror that does not answer must not hold up what the registry itself can give.
  const policy = { attempts: isMirror ? Math.min(MIRROR_ATTEMPTS, attempts) : attempts, backoff };
  const credentials = async (): Promise<Credentials | undefined> =>
    login ?? (await loadCredentials(registry, { configFile }));
  return createEndpoint({
    registry,
    host,
    prefix,
    transport,
    policy,
    isInsecure,
    authorizer: (reach) =>
      createAuthorizer({ registry, host, transport, policy, credentials, reach, isInsecure, realms }),
  });
}

/** The first that succeeds. What failed before the registry itself is not told: it is asked last, and its word counts. */
async function firstOf<Result>(
  endpoints: readonly Endpoint[],
  signal: AbortSignal | undefined,
  ask: (endpoint: Endpoint) => Promise<Result>,
): Promise<Result> {
  for (const endpoint of endpoints.slice(0, -1)) {
    try {
      const result = await ask(endpoint);
      if (result !== undefined) return result;
    } catch {
      signal?.throwIfAborted();
    }
  }
  return await ask(endpoints.at(-1) as Endpoint);
}

async function headBlob(
  endpoint: Endpoint,
  repository: string,
  digest: Digest,
  { signal, forPush = false }: CallOptions & { readonly forPush?: boolean },
): Promise<{ readonly size: number } | undefined> {
  const response = await endpoint.request(`/v2/${repository}/blobs/${digest}`, {
    method: 'HEAD',
    signal,
    what: `look up blob ${digest}`,
    repository,
    scopes: [forPush ? pushScope(repository) : pullScope(repository)],
    expect: [200, 404],
  });
  await response.body.dump();
  if (response.status === 404) return undefined;
  const told = response.headers['docker-content-digest'];
  if (isDigest(told) && told !== digest && told.split(':')[0] === digest.split(':')[0]) {
    throw new EngineError('DataLoss', `${endpoint.registry} has ${told} where ${digest} was asked for`);
  }
  return { size: Number(response.headers['content-length'] ?? Number.NaN) };
}

function insecureTest(entries: readonly string[]): (host: string) => boolean {
  return (host) =>
    entries.some((entry) =>
      entry.includes('/') ? isInSubnet(hostnameOf(host), entry) : entry.toLowerCase() === host.toLowerCase(),
    );
}

function parseMirror(text: string, isInsecure: (host: string) => boolean): Place {
  const spelled = text.includes('://') ? text : `https://${text}`;
  const url = URL.canParse(spelled) ? new URL(spelled) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '') {
    throw new EngineError('InvalidArgument', `invalid mirror ${JSON.stringify(text)}: expected HOST[:PORT] or a URL`);
  }
  if (url.username || url.password) {
    throw new EngineError(
      'InvalidArgument',
      `mirror ${url.host} may not have a login in its URL; use strata login ${url.host}`,
    );
  }
  if (url.protocol === 'http:' && !isInsecure(url.host) && !isLoopbackHost(url.host)) {
    throw new EngineError('InvalidArgument', `mirror ${url.host} is plain HTTP; name it as insecure, or use https`);
  }
  return { registry: url.host, host: url.host, prefix: url.pathname.replace(/\/+$/, ''), isMirror: true };
}
