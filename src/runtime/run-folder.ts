import { existsSync, mkdirSync, readdirSync, realpathSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runFolder } from './folders.ts';
import { readRecord, readText } from './record-file.ts';

/** Names the state folder that a run folder belongs to. */
const OWNER = 'root';
/** The OCI runtime makes the folder by itself where it is the first: one without an owner may be in the making. */
const SETTLED = 3_600_000;

/** {@link runFolder}, made where it is missing. Whoever makes one takes those away whose state folder is gone: nothing else ever would. */
export function makeRunFolder(root: string): string {
  const folder = runFolder(root);
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) {
    writeFileSync(join(folder, OWNER), realpathSync(root), { mode: 0o600 });
    removeAbandoned(dirname(folder));
  }
  return folder;
}

/** Removes the run folders in `parent` that are of no use to anybody. */
export function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name);
    try {
      const owner = readText(join(folder, OWNER));
      if (owner === undefined) removeEmpty(folder);
      else if (!existsSync(owner) && !hasProcesses(folder)) rmSync(folder, { recursive: true, force: true });
    } catch {
      // In a state that we do not understand, or in use just now: it is not ours, and stays.
    }
  }
}

/** Takes nothing but empty folders: whatever somebody puts there meanwhile keeps its place. */
function removeEmpty(folder: string): void {
  const made = statSync(folder, { throwIfNoEntry: false });
  if (!made?.isDirectory() || Date.now() - made.mtimeMs < SETTLED) return;
  for (const below of ['crun', 'runc', 's', '']) {
    if (existsSync(join(folder, below)) && readdirSync(join(folder, below)).length === 0)
      rmdirSync(join(folder, below));
  }
}

/** Whether a container of it still runs, by what the OCI runtimes keep of their own: its state folder may have been removed beneath it. */
function hasProcesses(folder: string): boolean {
  const pids = [...pidsIn(join(folder, 'crun'), 'status'), ...pidsIn(join(folder, 'runc'), 'state.json')];
  return pids.some((pid) => existsSync(`/proc/${pid}`));
}

function pidsIn(folder: string, file: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((id) => {
    const status = readRecord<{ pid?: number; init_process_pid?: number }>(join(folder, id, file));
    return status?.pid ?? status?.init_process_pid ?? [];
  });
}
