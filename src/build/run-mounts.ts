import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import type { RunMount } from '../dockerfile/index.ts';
import type { MountOption } from '../runtime/index.ts';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import { openCacheMount } from './cache-mount.ts';
import { extractTree } from './extract.ts';
import type { SecretSource } from './options.ts';
import type { Session } from './session.ts';
import type { Tree } from './tree.ts';

const SECRETS = '/run/secrets';
const AGENT = '/run/buildkit/ssh_agent';

/** What the mounts of a RUN are made of. */
export interface RunMounts extends Disposable {
  readonly mounts: readonly MountOption[];
  /** Secrets that are asked for as variables, and where the agent is. */
  readonly env: readonly string[];
}

/** A mount and the tree that it is of: the context where it names nothing. */
export interface MountRequest {
  readonly mount: RunMount;
  readonly tree?: () => Promise<Tree>;
}

/** Prepares what a RUN mounts. All of it goes with the step, save cache mounts. */
export async function openRunMounts(
  session: Session,
  requests: readonly MountRequest[],
  { workingDir }: { workingDir: string },
): Promise<RunMounts> {
  const stack = new DisposableStack();
  const mounts: MountOption[] = [];
  const env: string[] = [];
  const add = (option: MountOption): void => void mounts.push(option);
  try {
    for (const [number, request] of requests.entries()) {
      const { mount } = request;
      const target = mount.target === undefined ? undefined : posix.resolve(workingDir, mount.target);
      switch (mount.type) {
        case 'bind':
          add(await bindMount(session, request, target ?? '/'));
          break;
        case 'cache':
          add(await cacheMount(session, request, target ?? '/', stack));
          break;
        case 'tmpfs':
          add({
            type: 'tmpfs',
            target: target ?? '/',
            options: ['exec', ...(mount.size ? [`size=${mount.size}`] : [])],
          });
          break;
        case 'secret':
          secretMount(session, mount, { target, stack, add, env });
          break;
        case 'ssh':
          agentMount(session, mount, { target: target ?? `${AGENT}.${number}`, add, env });
          break;
      }
    }
  } catch (error) {
    stack.dispose();
    throw error;
  }
  return { mounts, env, [Symbol.dispose]: () => stack.dispose() };
}

/** A copy: what a step writes there goes with it, and nothing of it leads into the tree. */
async function bindMount({ scratch }: Session, { mount, tree }: MountRequest, target: string): Promise<MountOption> {
  const source = join(scratch, `bind-${randomHex(8)}`);
  if (tree) await extractTree(await tree(), mount.source ?? '/', source);
  return { type: 'bind', source, target, readOnly: mount.readonly };
}

async function cacheMount(
  { root, signal }: Session,
  { mount, tree }: MountRequest,
  target: string,
  stack: DisposableStack,
): Promise<MountOption> {
  const folder = await openCacheMount(root, mount, {
    id: mount.id ?? target,
    signal,
    ...(mount.from !== undefined && tree && { initial: tree }),
  });
  stack.use(folder);
  return { type: 'bind', source: folder.path, target, readOnly: mount.readonly };
}

/** In memory, read by its user alone, and gone with the step. */
function secretMount(
  { options }: Session,
  mount: RunMount,
  {
    target,
    stack,
    add,
    env,
  }: { target: string | undefined; stack: DisposableStack; add: (option: MountOption) => void; env: string[] },
): void {
  const id = mount.id ?? mount.source ?? posix.basename(target ?? '');
  const source = options.secrets?.get(id);
  if (!source) {
    if (!mount.required) return;
    throw new EngineError('NotFound', `the secret ${id} is required; give it with --secret id=${id},src=FILE`);
  }
  const value = readSecret(id, source);
  if (mount.env !== undefined) {
    env.push(`${mount.env}=${value.toString('utf8')}`);
    if (target === undefined) return;
  }
  const folder = mkdtempSync(join(memoryFolder(), 'strata-secret-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, value, { mode: 0o400 });
  chmodSync(file, mount.mode ?? 0o400);
  if (process.geteuid?.() === 0) chownSync(file, mount.uid ?? 0, mount.gid ?? 0);
  add({ type: 'bind', source: file, target: target ?? `${SECRETS}/${id}`, readOnly: true });
}

function readSecret(id: string, source: SecretSource): Buffer {
  if ('env' in source) {
    const value = process.env[source.env];
    if (value === undefined)
      throw new EngineError('NotFound', `the secret ${id}: the variable ${source.env} is not set`);
    return Buffer.from(value);
  }
  try {
    return readFileSync(source.file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error;
    throw new EngineError('NotFound', `the secret ${id}: cannot read ${source.file}`, { cause: error });
  }
}

/** A folder that is on no disk, where the machine has one. */
function memoryFolder(): string {
  return statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory() ? '/dev/shm' : tmpdir();
}

function agentMount(
  { options }: Session,
  mount: RunMount,
  { target, add, env }: { target: string; add: (option: MountOption) => void; env: string[] },
): void {
  const id = mount.id ?? 'default';
  const socket = options.ssh?.get(id);
  if (socket === undefined) {
    if (!mount.required) return;
    throw new EngineError('NotFound', `the agent ${id} is required; give it with --ssh ${id}`);
  }
  add({ type: 'bind', source: socket, target, readOnly: true });
  env.push(`SSH_AUTH_SOCK=${target}`);
}
