import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { heredocMarker, heredocText, PROXY_ARGS, parseMount, type RunInstruction } from '../dockerfile/index.ts';
import type { MountOption } from '../runtime/index.ts';
import { EngineError, randomHex } from '../std/index.ts';
import { commandArgs } from './metadata.ts';
import { runContainer } from './run-container.ts';
import { type MountRequest, openRunMounts } from './run-mounts.ts';
import { select } from './select.ts';
import { digestLines, selectionLines } from './selection-digest.ts';
import type { Session } from './session.ts';
import type { BuildState } from './state.ts';
import { baseParts, type NamedTree, type Step, type TreeFinder } from './step.ts';

/** A RUN: what it depends on, and how it is run. */
export async function runStep(
  session: Session,
  state: BuildState,
  instruction: RunInstruction,
  input: { readonly id: string; readonly treeOf: TreeFinder },
): Promise<Step> {
  const { options } = session;
  const { config, scope } = state;
  const args = runArgs(instruction, state);
  if (instruction.devices.length > 0)
    throw new EngineError('NotImplemented', 'RUN --device is not there; leave it out');
  const network = networkOf(session, instruction);
  const privileged = instruction.security === 'insecure';
  if (instruction.security !== undefined && !['sandbox', 'insecure'].includes(instruction.security))
    throw new EngineError('InvalidArgument', `--security is sandbox or insecure, not ${instruction.security}`);
  if (privileged) requireEntitled(session, 'security.insecure', '--security=insecure');
  const workingDir = config.WorkingDir || '/';

  const requests: MountRequest[] = [];
  const reads: string[] = [];
  for (const text of instruction.mounts) {
    const mount = parseMount(text, (value) => scope.expand(value).text);
    if (mount.type !== 'bind' && (mount.type !== 'cache' || mount.from === undefined)) {
      requests.push({ mount });
      reads.push(JSON.stringify(mount));
      continue;
    }
    const named = await input.treeOf(mount.from, instruction);
    requests.push({ mount, tree: named.tree });
    reads.push(JSON.stringify([mount, mount.type === 'bind' ? await treeDigest(named, mount.source) : null]));
  }
  const script = scriptMount(session, instruction, state);
  const declared = [...scope.args].filter((arg): arg is [string, string] => arg[1] !== undefined);
  const named = declared
    .filter(([name]) => !PROXY_ARGS.has(name))
    .map(([name, value]) => `${name}=${scope.env.get(name) ?? value}`);
  const proxies = [...(options.buildArgs ?? [])]
    .filter(([name]) => PROXY_ARGS.has(name))
    .map(([name, value]) => `${name}=${value}`);
  const told = named.length > 0 ? [`|${named.length}`, ...named, ...args.told] : args.told;
  return {
    parts: {
      ...baseParts(session, state),
      instruction: 'RUN',
      command: JSON.stringify([args.run, args.script ?? null]),
      arguments: JSON.stringify(named),
      config: JSON.stringify([config.Env, config.User, workingDir, config.Shell ?? null]),
      mounts: JSON.stringify(reads),
      sandbox: JSON.stringify([
        network,
        privileged,
        options.addHosts ?? [],
        options.shmSize ?? 0,
        options.ulimits ?? [],
      ]),
    },
    createdBy: `RUN ${told.join(' ')}`,
    make: () =>
      session.turn(async () => {
        using mounts = await openRunMounts(session, requests, { workingDir });
        return await runContainer(session, state, {
          id: input.id,
          args: args.run,
          env: [...proxies, ...named, ...(config.Env ?? []), ...mounts.env],
          mounts: [...mounts.mounts, ...(await script())],
          network,
          privileged,
        });
      }),
  };
}

/** What is run, and how the history tells it. */
function runArgs(
  { command }: RunInstruction,
  { config }: BuildState,
): { run: readonly string[]; told: readonly string[]; script?: string } {
  if (command.form === 'exec' || command.heredocs.length === 0) {
    const args = commandArgs(command, config);
    if (args.length === 0) throw new EngineError('InvalidArgument', 'RUN needs a command');
    return { run: args, told: args };
  }
  const [first] = command.heredocs;
  const shell = (text: string): readonly string[] => commandArgs({ form: 'shell', text, heredocs: [] }, config);
  if (first === undefined || heredocMarker(command.text) === undefined) {
    // Several, or a command that one is given to: the shell reads them itself.
    const text = [command.text, ...command.heredocs.map(({ content, name }) => content + name)].join('\n');
    return { run: shell(text), told: shell(text) };
  }
  const text = heredocText(first);
  if (!text.startsWith('#!')) return { run: shell(text), told: shell(text) };
  const path = `${SCRIPTS}/${first.name}`;
  return { run: [path], told: [path], script: text };
}

const SCRIPTS = '/dev/pipes';

/** A heredoc that says itself what runs it is a program. */
function scriptMount(session: Session, instruction: RunInstruction, state: BuildState): () => Promise<MountOption[]> {
  const { run, script } = runArgs(instruction, state);
  return async () => {
    if (script === undefined) return [];
    const source = join(session.scratch, `script-${randomHex(8)}`);
    await writeFile(source, script, { mode: 0o755 });
    return [{ type: 'bind', source, target: run[0] as string, readOnly: true }];
  };
}

function networkOf(session: Session, { network }: RunInstruction): 'none' | 'host' {
  switch (network ?? 'default') {
    case 'default':
      return session.options.network ?? 'none';
    case 'none':
      return 'none';
    case 'host':
      if (session.options.network !== 'host') requireEntitled(session, 'network.host', '--network=host');
      return 'host';
    default:
      throw new EngineError('InvalidArgument', `--network is default, none or host, not ${network}`);
  }
}

function requireEntitled({ options }: Session, name: 'network.host' | 'security.insecure', flag: string): void {
  if (!options.allow?.has(name))
    throw new EngineError('PermissionDenied', `RUN ${flag} is not allowed; build with --allow ${name} to let it`);
}

async function treeDigest(named: NamedTree, source = '/'): Promise<string> {
  if (named.digest !== undefined) return named.digest;
  return digestLines(await selectionLines(select(await named.tree(), source, { where: named.where })));
}
