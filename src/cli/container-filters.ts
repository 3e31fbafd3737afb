import type { ListedContainer } from '../engine/index.ts';
import { healthOf } from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';
import { matchesLabels, matchesName, matchesValue, numbersFilter, parseFilters } from './filters.ts';

const KNOWN = ['ancestor', 'before', 'exited', 'health', 'id', 'label', 'name', 'network', 'since', 'status', 'volume'];

/** The rows that every one of the `key=value` pairs lets through. Throws InvalidArgument, and NotFound for a container that is compared with. */
export function filterContainers<Row extends ListedContainer>(
  rows: readonly Row[],
  pairs: readonly string[],
): readonly Row[] {
  if (pairs.length === 0) return rows;
  const filters = parseFilters(pairs, KNOWN);
  const exited = numbersFilter(filters, 'exited');
  const createdOf = (key: 'before' | 'since'): string | undefined => {
    const name = filters.get(key)?.at(-1);
    if (name === undefined) return undefined;
    const found = rows.find((row) => row.name === name || row.id.startsWith(name));
    if (!found) throw new EngineError('NotFound', `no such container: ${name} (named by the filter '${key}')`);
    return found.created;
  };
  const [before, since] = [createdOf('before'), createdOf('since')];
  return rows.filter((row) => {
    const images = [row.imageName, row.imageID, row.imageID?.slice(7, 19), row.imageName.replace(/:latest$/, '')];
    const volumes = row.mounts.flatMap((mount) => [
      mount.target,
      ...(mount.type === 'volume' && mount.name !== undefined ? [mount.name] : []),
    ]);
    return (
      (filters.get('id')?.some((id) => row.id.startsWith(id)) ?? true) &&
      matchesName(filters, 'name', row.name) &&
      matchesLabels(filters, row.labels) &&
      matchesValue(filters, 'status', row.state.status) &&
      matchesValue(filters, 'ancestor', ...images) &&
      matchesValue(filters, 'health', healthOf(row)?.status ?? 'none') &&
      matchesValue(filters, 'network', typeof row.network === 'string' ? row.network : row.network.path) &&
      matchesValue(filters, 'volume', ...volumes) &&
      (exited === undefined || (row.state.status === 'exited' && exited.includes(row.state.exitCode))) &&
      (before === undefined || row.created < before) &&
      (since === undefined || row.created > since)
    );
  });
}
