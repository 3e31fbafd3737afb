import type { SearchResult } from '../client/index.ts';
import { DEFAULT_REGISTRY } from '../oci/index.ts';
import type { EngineOptions } from './options.ts';
import { Registries } from './registries.ts';

/** Repositories that match `term`: `nginx` on Docker Hub, `HOST:PORT/term` on that registry. */
export async function search(options: EngineOptions, term: string, limit: number): Promise<SearchResult[]> {
  const slash = term.indexOf('/');
  const host = slash < 0 ? '' : term.slice(0, slash);
  const isHost = host === 'localhost' || /[.:]/.test(host);
  await using registries = await Registries.open(options);
  return await registries
    .client(isHost ? host : DEFAULT_REGISTRY)
    .search(isHost ? term.slice(slash + 1) : term, { limit });
}
