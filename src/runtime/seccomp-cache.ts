import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bareSpec } from './bare-bundle.ts';
import { CGROUP_PARENT, runFolder } from './folders.ts';
import { runInNamespace } from './namespace-command.ts';
import { type OciRuntime, runtimeArguments } from './oci-runtime.ts';
import { readRecord, replaceRecord } from './record-file.ts';
import { makeRunFolder } from './run-folder.ts';
import { shortHash } from './short-hash.ts';
import type { Seccomp, Spec } from './spec-types.ts';

/** By which crun takes a filter that was compiled before, base64, instead of compiling the profile: half of what a run costs it. */
const COMPILED = 'run.oci.seccomp_bpf_data';
/** A filter is a list of 8-byte instructions, at most BPF_MAXINSNS of them: linux/bpf_common.h. */
const INSTRUCTION = 8;
const MOST_INSTRUCTIONS = 4096;

/**
 * The same spec, its seccomp profile compiled where the runtime takes that. Each profile is compiled once for a build of the runtime, by the
 * runtime itself, and the result remembered beside the state; where that fails the profile stays as it is.
 */
export async function withCompiledSeccomp(root: string, runtime: OciRuntime, spec: Spec): Promise<Spec> {
  const { seccomp, ...linux } = spec.linux;
  if (runtime.name !== 'crun' || !seccomp) return spec;
  const filter = await compiledFilter(root, runtime, seccomp);
  if (filter === undefined) return spec;
  return { ...spec, linux, annotations: { ...spec.annotations, [COMPILED]: filter } };
}

interface CachedFilter {
  readonly key: string;
  /** Base64; null where this runtime can't: it is asked no more. */
  readonly filter: string | null;
}

async function compiledFilter(root: string, runtime: OciRuntime, seccomp: Seccomp): Promise<string | undefined> {
  const key = `${runtime.path} ${runtime.build} ${process.arch} ${JSON.stringify(seccomp)}`;
  const path = join(root, 'seccomp', shortHash(key));
  const cached = readRecord<CachedFilter>(path);
  if (cached?.key === key) return cached.filter ?? undefined;
  const filter = await compile(root, runtime, seccomp).catch(() => undefined);
  mkdirSync(join(root, 'seccomp'), { recursive: true, mode: 0o700 });
  replaceRecord(path, { key, filter: filter ?? null } satisfies CachedFilter);
  return filter;
}

/** Has the runtime create a container with this profile and takes the filter that it keeps beside its state for later execs. */
async function compile(root: string, runtime: OciRuntime, seccomp: Seccomp): Promise<string | undefined> {
  const bundle = mkdtempSync(join(makeRunFolder(root), 'seccomp-'));
  const id = bundle.slice(bundle.lastIndexOf('/') + 1);
  const command = [runtime.path, ...runtimeArguments(root, runtime)];
  try {
    mkdirSync(join(bundle, 'rootfs'));
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(bareSpec(`${CGROUP_PARENT}/${id}`, seccomp)));
    // Its streams are not ours: the created process holds them until it is deleted.
    const { code } = await runInNamespace([...command, 'create', '-b', bundle, id], { detached: true });
    if (code !== 0) return undefined;
    const filter = readFileSync(join(runFolder(root), runtime.name, id, 'seccomp.bpf'));
    const instructions = filter.length / INSTRUCTION;
    return Number.isInteger(instructions) && instructions > 0 && instructions <= MOST_INSTRUCTIONS
      ? filter.toString('base64')
      : undefined;
  } finally {
    await runInNamespace([...command, 'delete', '-f', id]);
    rmSync(bundle, { recursive: true, force: true });
  }
}
