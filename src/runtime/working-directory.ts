import { EngineError } from '../std/index.ts';
import { makeDirectoryInRoot, resolveInRoot } from './root-walk.ts';
import type { SpecMount } from './spec-types.ts';

/**
 * Where the container's process starts, made where the image has it not, with every link resolved. A place in /proc is refused: there lie
 * the descriptors of whoever starts the container, and through them the host (CVE-2024-21626).
 */
export function prepareWorkingDirectory(
  rootfs: number,
  path: string,
  { mounts, made }: { mounts: readonly SpecMount[]; made: (path: string) => void },
): string {
  const isMounted = (at: string): boolean =>
    mounts.some(({ destination }) => at === destination || at.startsWith(`${destination}/`));
  requireOutsideProc(path);
  const plain = path.replace(/\/+$/, '') || '/';
  if (isMounted(plain)) return path;
  using found = resolveInRoot(rootfs, path, { create: true });
  requireOutsideProc(found.path);
  if (isMounted(found.path)) return found.path;
  if (found.fd >= 0) {
    if (!found.stats?.isDirectory())
      throw new EngineError('InvalidArgument', `the working directory ${path} is no directory in the image`);
    return found.path;
  }
  makeDirectoryInRoot(rootfs, found.path, { made })[Symbol.dispose]();
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
