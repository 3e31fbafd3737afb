import { EngineError } from '../std/index.ts';
import { resolveAcrossMounts } from './mounted-path.ts';
import { makeDirectoryInRoot } from './root-walk.ts';
import type { SpecMount } from './spec-types.ts';

/**
 * Where the container's process starts, made where the image has it not, with every link resolved, in what is mounted too. A place in /proc is
 * refused: there lie the descriptors of whoever starts the container, and through them the host (CVE-2024-21626).
 */
export function prepareWorkingDirectory(
  rootfs: number,
  path: string,
  { mounts, made }: { mounts: readonly SpecMount[]; made: (path: string) => void },
): string {
  requireOutsideProc(path);
  const found = resolveAcrossMounts(rootfs, mounts, path);
  requireOutsideProc(found.path);
  if (found.stats && !found.stats.isDirectory())
    throw new EngineError('InvalidArgument', `the working directory ${path} is no directory in the container`);
  // In a mount it is the runtime that makes it.
  if (!found.stats && !found.mount) makeDirectoryInRoot(rootfs, found.path, { made })[Symbol.dispose]();
  return found.path;
}

export function requireOutsideProc(path: string): void {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const inProc = parts[0] === 'proc' || (parts.includes('..') && parts.includes('proc'));
  // The runtime makes these links, to /proc/self/fd: no look into the image finds them.
  const inDescriptors = parts[0] === 'dev' && /^(fd|stdin|stdout|stderr)$/.test(parts[1] ?? '');
  if (inProc || inDescriptors || (parts.includes('..') && parts.includes('dev')))
    throw new EngineError('InvalidArgument', `the working directory ${path} lies in /proc; choose another one`);
}
