import { createDigester, hexOf } from '../oci/index.ts';
import type { Selected } from './select.ts';

/** One line a name, for the cache and for telling what changed: what it is, and its content; times are no part of it. */
export async function selectionLines(sources: readonly Selected[]): Promise<string[]> {
  const lines: string[] = [];
  for (const { tree, name, parents, entries, isDirectory } of sources) {
    lines.push(JSON.stringify([isDirectory ? 'contents' : 'file', parents, name]));
    for (const { relative, path, node } of entries) {
      const { type, mode, uid, gid, link, device, xattrs, size } = node;
      const content = type === 'file' ? `${size}:${await tree.digest(path)}` : (link ?? null);
      const attributes = [...(xattrs ?? [])].map(([key, value]) => [key, value.toString('base64')]);
      lines.push(
        JSON.stringify([
          relative,
          type,
          mode.toString(8),
          uid,
          gid,
          content,
          ...(device ? [device.major, device.minor] : []),
          ...attributes,
        ]),
      );
    }
  }
  return lines;
}

export function digestLines(lines: readonly string[]): string {
  const digester = createDigester();
  for (const line of lines) digester.update(Buffer.from(`${line}\n`));
  return hexOf(digester.digest());
}
