import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError, hasCode, randomHex } from '../std/index.ts';
import type { Container } from './container.ts';
import { CLEAN_ENV, requireProgram } from './host-tools.ts';
import type { PlacedMount } from './mount-plan.ts';
import { identify, isAlive } from './process-identity.ts';
import { resolveInRoot } from './root-walk.ts';
import { createVolume, type Volume } from './volumes.ts';

/** In a volume's folder, once it is filled or was found full. */
const MARKER = 'filled';
/** Beside the volume's content while that is copied: whose it is, and a name of its own. */
const ASIDE = /^_data\.(\d+)-(\d+)-[0-9a-f]+$/;

/** The container's mounts with the host paths of its volumes, which are made, and filled from the image, at first use. */
export async function placeMounts(root: string, { mounts, id }: Container, rootfs: number): Promise<PlacedMount[]> {
  const placed: PlacedMount[] = [];
  for (const mount of mounts) {
    if (mount.type !== 'volume') {
      placed.push(mount);
      continue;
    }
    if (mount.name === undefined)
      throw new EngineError('Internal', `the volume at ${mount.target} of ${id} has no name`);
    const volume = createVolume(root, { name: mount.name, anonymous: mount.anonymous ?? false });
    if (!mount.noCopy) await fillVolume(volume, rootfs, mount.target);
    placed.push({ ...mount, hostPath: volume.mountpoint });
  }
  return placed;
}

/**
 * Gives a volume that was never used what the image has at `target`, with owners, modes and attributes. The place is found inside the
 * image whatever links lead there, and the copy follows none (CVE-2022-23648). It is made aside and then put in the place of the empty volume.
 */
export async function fillVolume({ mountpoint }: Volume, rootfs: number, target: string): Promise<void> {
  const folder = dirname(mountpoint);
  const names = readdirSync(folder);
  removeAbandoned(folder, names);
  if (names.includes(MARKER)) return;
  if (readdirSync(mountpoint).length === 0) {
    using source = findDirectory(rootfs, target);
    if (source) await copyInto(source.fd, mountpoint);
  }
  writeFileSync(join(folder, MARKER), '');
}

/** What a fill that was killed left beside the volume: its name says whose it was. */
function removeAbandoned(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const [, pid, startTime = ''] = ASIDE.exec(name) ?? [];
    if (pid !== undefined && !isAlive({ pid: Number(pid), startTime }))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function findDirectory(rootfs: number, target: string): ReturnType<typeof resolveInRoot> | undefined {
  try {
    const found = resolveInRoot(rootfs, target);
    if (found.stats?.isDirectory()) return found;
    found[Symbol.dispose]();
  } catch (error) {
    if (!hasCode(error, 'NotFound') && !hasCode(error, 'InvalidArgument')) throw error;
  }
  return undefined;
}

async function copyInto(source: number, mountpoint: string): Promise<void> {
  const { pid, startTime } = identify(process.pid) ?? { pid: 0, startTime: '' };
  const aside = `${mountpoint}.${pid}-${startTime}-${randomHex(6)}`;
  mkdirSync(aside, { mode: 0o700 });
  try {
    await copyTree(source, aside);
    renameSync(aside, mountpoint); // over the empty folder; a full one stays, and we were late
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (readdirSync(mountpoint).length === 0) throw error;
  }
}

/** Copies what the directory of the descriptor holds, and its own owner and mode. The host's cp does it, which knows holes, links and attributes. */
function copyTree(source: number, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = ['-a', '--', '/proc/self/fd/3/.', `${target}/`];
    const child = spawn(requireProgram('cp', 'coreutils'), args, {
      env: CLEAN_ENV,
      stdio: ['ignore', 'ignore', 'pipe', source],
    });
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (errors.length < 4096) errors += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new EngineError('Internal', `can't fill a volume from the image: ${errors.trim()}`));
    });
  });
}
