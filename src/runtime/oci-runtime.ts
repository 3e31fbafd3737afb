import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../std/index.ts';
import { bareSpec } from './bare-bundle.ts';
import { CGROUP_PARENT, runFolder } from './folders.ts';
import { findProgram } from './host-tools.ts';
import { runInNamespace } from './namespace-command.ts';
import { readRecord, replaceRecord } from './record-file.ts';
import { makeRunFolder } from './run-folder.ts';

/** A program that runs bundles: runtime-spec's command line, which crun and runc share. */
export interface OciRuntime {
  readonly name: 'crun' | 'runc';
  readonly path: string;
  /** Tells one build from the next. */
  readonly build: string;
}

interface Probed extends OciRuntime {
  readonly kernel: string;
}

const CANDIDATES = ['crun', 'runc'] as const;

/**
 * The OCI runtime of this machine: the first of crun and runc that really runs a container here. The answer is remembered beside the state
 * until the program or the kernel changes. Unavailable where none does, with what to install or why they failed.
 */
export async function probeRuntime(
  root: string,
  { prefer }: { prefer?: string | undefined } = {},
): Promise<OciRuntime> {
  const remembered = readRecord<Probed>(join(root, 'runtime.json'));
  if (remembered && isCurrent(remembered) && (prefer === undefined || remembered.name === prefer)) return remembered;
  const failures: string[] = [];
  for (const name of CANDIDATES) {
    if (prefer !== undefined && name !== prefer) continue;
    const path = findProgram(name);
    if (path === undefined) continue;
    const runtime: OciRuntime = { name, path, build: buildOf(path) };
    const failure = await tryRuntime(root, runtime);
    if (failure === undefined) {
      replaceRecord(join(root, 'runtime.json'), { ...runtime, kernel: release() } satisfies Probed);
      return runtime;
    }
    failures.push(`${path}: ${failure}`);
  }
  if (failures.length === 0)
    throw new EngineError('Unavailable', `no OCI runtime found; install one: apt-get install ${prefer ?? 'crun'}`);
  throw new EngineError('Unavailable', `no OCI runtime runs a container on this machine (${failures.join('; ')})`, {
    details: { failures },
  });
}

/** Global arguments of every call: the runtime's own state lies where no other state folder's does. */
export function runtimeArguments(root: string, runtime: OciRuntime, log?: string): string[] {
  const own = join(runFolder(root), runtime.name);
  // What crun's process finds wrong when it becomes the container's goes to the container's stderr, in the log's format: in words.
  const format = runtime.name === 'crun' ? 'text' : 'json';
  return ['--root', own, ...(log === undefined ? [] : ['--log', log, '--log-format', format])];
}

/** What a runtime wrote to its log, last thing said first. */
export function runtimeErrors(log: string): string[] {
  let text: string;
  try {
    text = readFileSync(log, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap(errorIn).reverse();
}

function errorIn(line: string): string[] {
  if (!line.startsWith('{')) return line.trim() === '' ? [] : [line.trim()];
  try {
    const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
    return level === 'error' && msg ? [msg] : [];
  } catch {
    return []; // cut
  }
}

async function tryRuntime(root: string, runtime: OciRuntime): Promise<string | undefined> {
  const bundle = mkdtempSync(join(makeRunFolder(root), 'probe-'));
  const log = join(bundle, 'runtime.log');
  const id = bundle.slice(bundle.lastIndexOf('/') + 1);
  try {
    mkdirSync(join(bundle, 'rootfs'));
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(bareSpec(`${CGROUP_PARENT}/${id}`)));
    const { code, stderr } = await runInNamespace([
      runtime.path,
      ...runtimeArguments(root, runtime, log),
      'run',
      '-b',
      bundle,
      id,
    ]);
    if (code === 0) return undefined;
    await runInNamespace([runtime.path, ...runtimeArguments(root, runtime), 'delete', '-f', id]);
    return runtimeErrors(log)[0] ?? (stderr.trim() || `exit code ${code}`);
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

function isCurrent({ path, build, kernel }: Probed): boolean {
  return existsSync(path) && build === buildOf(path) && kernel === release();
}

function buildOf(path: string): string {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs}-${size}`;
}
