import { type Descriptor, type Digest, parseManifest } from '../oci/index.ts';
import { EngineError, hasCode, readAll } from '../std/index.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { fetchManifest } from './manifests.ts';
import { CATALOG_SCOPE, pullScope } from './scope.ts';

export interface ListOptions {
  readonly signal?: AbortSignal | undefined;
}

const PAGE = 1000;
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** The tags of a repository, page by page. NotFound where there is no such repository. */
export async function* listTags(
  endpoint: Endpoint,
  repository: string,
  { signal }: ListOptions = {},
): AsyncGenerator<string, void> {
  const request = requestFor(`list tags of ${repository}`, pullScope(repository), signal, repository);
  for await (const { page } of pages(endpoint, `/v2/${repository}/tags/list?n=${PAGE}`, request)) {
    yield* stringsOf(page, 'tags', endpoint.registry);
  }
}

/** The repositories of a registry; not every one tells. */
export async function* listRepositories(
  endpoint: Endpoint,
  { signal }: ListOptions = {},
): AsyncGenerator<string, void> {
  const request = requestFor('list repositories', CATALOG_SCOPE, signal);
  for await (const { page } of pages(endpoint, `/v2/_catalog?n=${PAGE}`, request)) {
    yield* stringsOf(page, 'repositories', endpoint.registry);
  }
}

/** What refers to a manifest (signatures, attestations), by the API or by the tag that stands in for it on older registries. */
export async function* listReferrers(
  endpoint: Endpoint,
  repository: string,
  digest: Digest,
  { signal, artifactType }: ListOptions & { readonly artifactType?: string | undefined } = {},
): AsyncGenerator<Descriptor, void> {
  const wanted = (entry: Descriptor): boolean => artifactType === undefined || entry.artifactType === artifactType;
  const filter = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const request = requestFor(`list referrers of ${repository}@${digest}`, pullScope(repository), signal, repository);
  const path = `/v2/${repository}/referrers/${digest}${filter}`;
  for await (const { page, bytes } of pages(endpoint, path, { ...request, expect: [200, 404] })) {
    if (!page) {
      // distribution-spec, "Referrers Tag Schema".
      const tagged = await fetchManifest(endpoint, repository, digest.replace(':', '-'), { signal }).catch(
        (error: unknown) => {
          if (hasCode(error, 'NotFound')) return undefined;
          throw error;
        },
      );
      if (tagged) yield* entriesOf(tagged.bytes).filter(wanted);
      return;
    }
    yield* entriesOf(bytes).filter(wanted);
  }
}

function entriesOf(bytes: Buffer): readonly Descriptor[] {
  const document = parseManifest(bytes);
  return document.kind === 'index' ? document.index.manifests : [];
}

function requestFor(what: string, scope: string, signal: AbortSignal | undefined, repository?: string): ApiRequest {
  return { method: 'GET', signal, what, repository, scopes: [scope], expect: [200] };
}

interface Page {
  /** Undefined for an expected 404. */
  readonly page: Readonly<Record<string, unknown>> | undefined;
  readonly bytes: Buffer;
}

/** Follows `Link: <…>; rel="next"` (RFC 8288), at this server only and never to a page twice. */
async function* pages(endpoint: Endpoint, path: string, request: ApiRequest): AsyncGenerator<Page, void> {
  const seen = new Set<string>();
  for (let next: string | URL | undefined = path; next !== undefined; ) {
    const response: ApiResponse = await endpoint.request(next, request);
    const bytes = await readAll(response.body, { limit: MAX_PAGE_BYTES, what: `page of ${request.what}` });
    yield { page: response.status === 200 ? parsePage(bytes, endpoint.registry) : undefined, bytes };
    const { link: header } = response.headers;
    const link = nextLink(header as string | string[] | undefined);
    const url: URL | undefined = link === undefined ? undefined : endpoint.resolveLink(link, response.url);
    if (url && (url.origin !== response.url.origin || seen.has(url.href))) {
      throw new EngineError(
        'Unavailable',
        `cannot ${request.what}: ${endpoint.registry} links pages to each other in a way that never ends or leads elsewhere`,
      );
    }
    if (url) seen.add(url.href);
    next = url;
  }
}

function nextLink(header: string | string[] | undefined): string | undefined {
  for (const [, target, parameters] of [header ?? []]
    .flat()
    .join(',')
    .matchAll(/<([^>]*)>((?:\s*;\s*[^,;]*)*)/g)) {
    if (/;\s*rel\s*=\s*"?next"?/i.test(parameters ?? '')) return target;
  }
  return undefined;
}

function parsePage(bytes: Buffer, registry: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {}
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new EngineError('Unavailable', `${registry} answered with something that is no list; is it a registry?`);
}

function stringsOf(page: Page['page'], field: string, registry: string): string[] {
  const list = page?.[field] ?? []; // null for none
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  throw new EngineError('Unavailable', `${registry} answered with something that is no list of ${field}`);
}
