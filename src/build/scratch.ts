import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';

/** A folder for what goes with one build. */
export interface Scratch extends Disposable {
  readonly path: string;
}

/** Makes one, and removes those whose builds were killed: `build/scratch/<pid>-<random>`. */
export function openScratch(root: string): Scratch {
  const base = join(root, 'build', 'scratch');
  mkdirSync(base, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(base)) {
    const pid = Number(name.split('-', 1)[0]);
    if (!isAlive(pid)) rmSync(join(base, name), { recursive: true, force: true });
  }
  const path = mkdtempSync(join(base, `${process.pid}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    // A zombie holds nothing any more.
    return !/^State:\s+Z/m.test(process.platform === 'linux' ? readFileSync(`/proc/${pid}/status`, 'latin1') : '');
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
