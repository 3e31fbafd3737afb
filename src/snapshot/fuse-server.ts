import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fuseOptions, openFuse } from '../fuse/index.ts';
import { MountFlag, mount } from '../linux/index.ts';
import { EngineError, entryFile } from '../std/index.ts';
import type { Mount } from './snapshotter.ts';

/** A union of directories that the server's process is to serve. */
export interface ServedUnion {
  /** Directories as overlayfs takes layers, the lowest first. */
  readonly layers: readonly string[];
  /** Absent for a read-only one. */
  readonly upper?: { readonly path: string; readonly work: string };
}

/** The command that serves `union` on its descriptor 3 until that is unmounted. */
function fuseServer(union: ServedUnion): string[] {
  return [process.execPath, entryFile(import.meta.url, 'fuse-helper'), JSON.stringify(union)];
}

/** What mount(2) needs for a union that a server of ours serves; `source` is what the mount table shows. */
export function fuseMount(source: string, union: ServedUnion): Mount {
  const { upper } = union;
  return { type: 'fuse', source, options: upper ? [] : ['ro'], server: fuseServer(union), ...(upper && { upper }) };
}

/** Mounts `union` at `target` in this namespace. What comes before the server is ready waits for it. */
export function mountUnion(target: string, { source, union }: { source: string; union: ServedUnion }): void {
  mountServed(target, { source, server: fuseServer(union), readOnly: !union.upper });
}

/** Mounts at `target` what the command `server` serves on its descriptor 3, a /dev/fuse. */
export function mountServed(
  target: string,
  { source, server, readOnly }: { source: string; server: readonly string[]; readOnly: boolean },
): void {
  const fuse = openFuse();
  try {
    mount(source, target, 'fuse', readOnly ? MountFlag.readOnly : 0, fuseOptions(fuse).join(','));
    startServer(server, fuse);
  } finally {
    closeSync(fuse);
  }
}

/**
 * Starts the server of a mount of type `fuse`. The process that mounts it must have `fuse`, its /dev/fuse, as its descriptor `fd`: so say the
 * options. Close `fuse` then. The server ends when it is unmounted, or when the last descriptor goes without a mount.
 */
export function serveMount(
  { server, options }: Mount,
  fd: number,
): { readonly fuse: number; readonly options: readonly string[] } {
  if (!server) throw new EngineError('Internal', 'a mount that nobody serves');
  const fuse = openFuse();
  try {
    startServer(server, fuse);
    return { fuse, options: [...options, ...fuseOptions(fd)] };
  } catch (error) {
    closeSync(fuse);
    throw error;
  }
}

/** In a session of its own, with none of our descriptors: it stays when we go, and no signal of our terminal reaches it. */
function startServer([program, ...args]: readonly string[], fuse: number): void {
  const server = spawn(program as string, args, {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', fuse],
  });
  server.on('error', () => {}); // the mount says it: without a server it is not connected
  server.unref();
}
