import { EngineError, hasCode, readAll } from '../std/index.ts';
import type { Endpoint } from './endpoint.ts';
import { listRepositories } from './lists.ts';
import { RegistryError } from './registry-error.ts';

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
}

export interface SearchOptions {
  /** At most so many; docker's default is 25. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_LIMIT = 25;
const MAX_ANSWER = 8 * 1024 * 1024;

/** Finds repositories by docker's v1 search; where a registry has none, those of its catalog whose name contains the term. */
export async function searchRepositories(
  endpoint: Endpoint,
  term: string,
  { limit = DEFAULT_LIMIT, signal }: SearchOptions = {},
): Promise<SearchResult[]> {
  if (term.trim() === '') throw new EngineError('InvalidArgument', 'nothing to search for; give a part of a name');
  try {
    return (await searchIndex(endpoint, term, limit, signal)).slice(0, limit);
  } catch (error) {
    if (!(error instanceof RegistryError) || ![400, 404, 405, 501].includes(error.status)) throw error;
  }
  try {
    const found: SearchResult[] = [];
    for await (const name of listRepositories(endpoint, { signal })) {
      if (found.length >= limit) break;
      if (name.includes(term.toLowerCase())) found.push({ name, description: '', stars: 0, isOfficial: false });
    }
    return found;
  } catch (error) {
    if (!hasCode(error, 'NotFound') && !hasCode(error, 'NotImplemented')) throw error;
    throw new EngineError(
      'NotImplemented',
      `${endpoint.registry} can't be searched: it offers neither a search nor a catalog`,
      { cause: error },
    );
  }
}

async function searchIndex(
  endpoint: Endpoint,
  term: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<SearchResult[]> {
  const query = new URLSearchParams({ q: term, n: String(Math.min(Math.max(limit, 1), 100)) });
  const response = await endpoint.request(`/v1/search?${query}`, {
    method: 'GET',
    signal,
    what: `search ${endpoint.registry} for ${term}`,
    scopes: [],
    expect: [200],
  });
  const text = (await readAll(response.body, { limit: MAX_ANSWER, what: 'search result' })).toString();
  let results: unknown;
  try {
    results = (JSON.parse(text) as { results?: unknown }).results;
  } catch {}
  if (!Array.isArray(results))
    throw new RegistryError('NotImplemented', `${endpoint.registry} has no search`, { status: 501 });
  return results.flatMap((item: unknown) => {
    const { name, description, star_count: stars, is_official: official } = Object(item) as Record<string, unknown>;
    if (typeof name !== 'string') return [];
    return [
      {
        name,
        description: typeof description === 'string' ? description : '',
        stars: typeof stars === 'number' ? stars : 0,
        isOfficial: official === true,
      },
    ];
  });
}
