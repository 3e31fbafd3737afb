import { formatReference, parseReference } from '../oci/index.ts';
import type { Engine } from './engine.ts';

/** Every tag of a repository, as full references. */
export async function listTags(engine: Engine, text: string): Promise<string[]> {
  const { registry, repository } = parseReference(text);
  const client = (await engine.registries()).client(registry);
  const names: string[] = [];
  for await (const tag of client.tags(repository)) names.push(formatReference({ registry, repository, tag }));
  return names;
}
