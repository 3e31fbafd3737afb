import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SnapshotFolder } from './folder.ts';

/** What a snapshot without a parent is compared with. */
export function emptyTree(folder: SnapshotFolder): string {
  const path = join(folder.path, '.empty');
  mkdirSync(path, { recursive: true, mode: 0o755 });
  return path;
}
