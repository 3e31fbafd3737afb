import { createdAt, type ListedImage } from '../engine/index.ts';
import { EngineError } from '../std/index.ts';
import { booleanFilter, type Filters, matchesLabels, matchesReference, momentFilter, parseFilters } from './filters.ts';

const KNOWN = ['before', 'dangling', 'label', 'label!', 'reference', 'since', 'until'];

/** The rows that every one of the `key=value` pairs lets through. Throws InvalidArgument, and NotFound for an image that is compared with. */
export function filterImages(rows: readonly ListedImage[], pairs: readonly string[]): readonly ListedImage[] {
  if (pairs.length === 0) return rows;
  const filters = parseFilters(pairs, KNOWN);
  const dangling = booleanFilter(filters, 'dangling');
  const until = momentFilter(filters, 'until')?.getTime();
  const before = createdOf(rows, filters, 'before');
  const since = createdOf(rows, filters, 'since');
  return rows.filter(({ repository, tag, image }) => {
    const created = createdAt(image);
    const labels = image.config.config?.Labels ?? undefined;
    if (dangling !== undefined && dangling !== (repository === undefined)) return false;
    if (filters.has('reference') && (repository === undefined || !matchesReference(filters, repository, tag)))
      return false;
    if (!matchesLabels(filters, labels)) return false;
    if (filters.has('label!') && matchesLabels(filters, labels, 'label!')) return false;
    if (until !== undefined && created > until) return false;
    if (before !== undefined && created >= before) return false;
    return since === undefined || created > since;
  });
}

/** When the image that a filter names was made. */
function createdOf(rows: readonly ListedImage[], filters: Filters, key: 'before' | 'since'): number | undefined {
  const name = filters.get(key)?.at(-1);
  if (name === undefined) return undefined;
  const row = rows.find(({ repository, tag, image: { id } }) => {
    const full = `${repository}:${tag}`;
    return name === full || (tag === 'latest' && name === repository) || id === name || isShortID(id, name);
  });
  if (!row) throw new EngineError('NotFound', `no such image: ${name} (named by the filter '${key}')`);
  return createdAt(row.image);
}

function isShortID(id: string, name: string): boolean {
  return /^[0-9a-f]{4,}$/.test(name) && id.slice(id.indexOf(':') + 1).startsWith(name);
}
