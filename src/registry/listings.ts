import { type Descriptor, MediaType } from '../oci/index.ts';
import { ProtocolError } from './errors.ts';
import { type Exchange, requireDigest } from './exchange.ts';
import type { Page } from './storage/names.ts';

const REFERRERS_BYTES = 3 << 20; // below the 4 MiB that clients take of a manifest
const REFERRERS_AT_ONCE = 200;

/** end-8: tags of a repository, in pages. */
export async function serveTags(exchange: Exchange, repository: string): Promise<void> {
  onlyReads(exchange);
  exchange.demand('pull', repository);
  const page = pageOf(exchange);
  const found = await exchange.registry.storage.names.listTags(repository, more(page));
  if (!found) throw new ProtocolError('NAME_UNKNOWN', `no repository ${repository}`);
  const tags = found.slice(0, page.limit);
  const link = linkAfter(`/v2/${repository}/tags/list`, page, { items: tags, isLast: found.length <= page.limit });
  exchange.sendJson(200, { name: repository, tags }, link);
}

/** Repositories that the caller may pull from, in pages (distribution's `_catalog`; the specification leaves it open). */
export async function serveCatalog(exchange: Exchange): Promise<void> {
  onlyReads(exchange);
  exchange.demand('list');
  const page = pageOf(exchange);
  const visible: string[] = [];
  let { last } = page;
  for (let isLast = false; !isLast && visible.length <= page.limit; ) {
    const found = await exchange.registry.storage.names.listRepositories(
      more({ ...page, ...(last !== undefined && { last }) }),
    );
    visible.push(...found.filter((repository) => exchange.allows('pull', repository)));
    last = found.at(-1);
    isLast = found.length <= page.limit;
  }
  const repositories = visible.slice(0, page.limit);
  const link = linkAfter('/v2/_catalog', page, { items: repositories, isLast: visible.length <= page.limit });
  exchange.sendJson(200, { repositories }, link);
}

/** end-12: what refers to a manifest; an empty index where nothing does, or where the subject is not known at all. */
export async function serveReferrers(exchange: Exchange, repository: string, text: string): Promise<void> {
  onlyReads(exchange);
  exchange.demand('pull', repository);
  const subject = requireDigest(text);
  const artifactType = exchange.query.get('artifactType') || undefined;
  const last = exchange.query.get('last') ?? undefined;
  const found = await exchange.registry.storage.names.listReferrers(repository, subject, {
    limit: REFERRERS_AT_ONCE + 1,
    ...(last !== undefined && { last }),
    ...(artifactType !== undefined && { artifactType }),
  });
  const manifests = fitting(found.slice(0, REFERRERS_AT_ONCE));
  const final = manifests.at(-1);
  const next = new URLSearchParams({ ...(artifactType && { artifactType }), last: final?.digest ?? '' });
  exchange.sendJson(
    200,
    { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests },
    {
      'content-type': MediaType.ociIndex,
      ...(artifactType && { 'oci-filters-applied': 'artifactType' }),
      ...(manifests.length < found.length && { link: `</v2/${repository}/referrers/${subject}?${next}>; rel="next"` }),
    },
  );
}

/** As many descriptors as make an index that every client takes, but one at least: annotations may be long. */
function fitting(descriptors: readonly Descriptor[]): Descriptor[] {
  let size = 0;
  const count = descriptors.findIndex((descriptor) => {
    size += JSON.stringify(descriptor).length;
    return size > REFERRERS_BYTES;
  });
  return descriptors.slice(0, count === -1 ? undefined : Math.max(1, count));
}

/** `n` is clamped, never trusted (CVE-2023-2253); a negative one or a word is refused. */
function pageOf(exchange: Exchange): Page {
  const most = exchange.registry.limits.pageSize;
  const n = exchange.query.get('n');
  const last = exchange.query.get('last');
  if (n !== null && !/^\d{1,20}$/.test(n)) {
    throw new ProtocolError('PAGINATION_NUMBER_INVALID', 'n must be a whole number from 0 on');
  }
  return { limit: n === null ? most : Math.min(Number(n), most), ...(last !== null && { last }) };
}

/** One more than was asked for tells whether there is a next page. */
function more(page: Page): Page {
  return { ...page, limit: page.limit + 1 };
}

function linkAfter(
  path: string,
  { limit }: Page,
  { items, isLast }: { items: readonly string[]; isLast: boolean },
): { link?: string } {
  const last = items.at(-1);
  if (isLast || last === undefined) return {}; // n=0 asks whether the repository is there, no more
  return { link: `<${path}?${new URLSearchParams({ n: String(limit), last })}>; rel="next"` };
}

function onlyReads(exchange: Exchange): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') exchange.refuseMethod('GET');
}
