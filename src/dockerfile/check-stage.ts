import { parseReference } from '../oci/index.ts';
import { nearest } from '../std/index.ts';
import { type Finding, findingOf } from './check-rules.ts';
import { expand } from './expand.ts';
import { cleanPath, type IgnoreRules } from './ignore.ts';
import type { Dockerfile, FromInstruction, Instruction } from './instruction.ts';
import { globalArgs, PROXY_ARGS, Scope } from './scope.ts';
import { findStage, type Stage, stagesOf } from './stages.ts';

const ONCE: ReadonlySet<Instruction['kind']> = new Set(['CMD', 'ENTRYPOINT', 'HEALTHCHECK']);
const NO_ARGS: ReadonlyMap<string, string> = new Map();

export interface CheckInput {
  readonly buildArgs?: ReadonlyMap<string, string>;
  /** {@link platformArgs} of the build. */
  readonly platform: ReadonlyMap<string, string>;
  /** The context's rules, to find what a COPY names in vain. */
  readonly ignore?: IgnoreRules;
  /** Names that a base image sets; undefined where it is not known. */
  readonly baseEnv?: (base: string) => Iterable<string> | undefined;
}

/** What a stage leaves to those that stand on it. */
interface State {
  readonly scope: Scope;
  workdirSet: boolean;
  shellSet: boolean;
}

/** Checks that follow the variables from stage to stage. */
export function* checkStages(dockerfile: Dockerfile, input: CheckInput): Generator<Finding> {
  const { globals, stages } = stagesOf(dockerfile);
  const { escapeCharacter } = dockerfile;
  const buildArgs = input.buildArgs ?? NO_ARGS;
  const given = globalArgs(globals, { platform: input.platform, buildArgs, escapeCharacter });
  const defaults = globalArgs(globals, { platform: input.platform, buildArgs: NO_ARGS, escapeCharacter });
  const states: State[] = [];
  for (const stage of stages) {
    yield* checkFrom(stage.from, { given, defaults, escapeCharacter });
    const base = attempt(() => expand(stage.from.base, given, { escapeCharacter }).text);
    const below = findStage(stages, base ?? '', { before: stage.index });
    const state = startOf(below && states[below.index], {
      names: base === undefined ? undefined : input.baseEnv?.(base),
      globals: given,
      buildArgs,
      escapeCharacter,
    });
    states.push(state);
    yield* checkStage(stage, state, input);
  }
}

function startOf(
  below: State | undefined,
  {
    names,
    ...options
  }: {
    names: Iterable<string> | undefined;
    globals: ReadonlyMap<string, string>;
    buildArgs: ReadonlyMap<string, string>;
    escapeCharacter: string;
  },
): State {
  const env: [string, string][] = ['PATH', ...(names ?? [])].map((name) => [name, '']);
  return {
    scope: new Scope({ ...options, env: below?.scope.env ?? env, args: below?.scope.args ?? [] }),
    workdirSet: below?.workdirSet ?? false,
    shellSet: below?.shellSet ?? false,
  };
}

function* checkFrom(
  { base, platform, as, source }: FromInstruction,
  {
    given,
    defaults,
    escapeCharacter,
  }: { given: ReadonlyMap<string, string>; defaults: ReadonlyMap<string, string>; escapeCharacter: string },
): Generator<Finding> {
  for (const text of [base, platform ?? '']) {
    for (const name of attempt(() => expand(text, given, { escapeCharacter }).unset) ?? []) {
      const meant = nearest(name, given.keys());
      const message = `FROM argument '${name}' is not declared${meant ? ` (did you mean ${meant}?)` : ''}`;
      yield findingOf('UndefinedArgInFrom', message, source.line);
    }
  }
  const plain = attempt(() => expand(base, defaults, { escapeCharacter }).text);
  if (plain !== undefined && base.includes('$') && attempt(() => parseReference(plain)) === undefined) {
    const message = `Default value for ARG ${base} results in empty or invalid base image name`;
    yield findingOf('InvalidDefaultArgInFrom', message, source.line);
  }
  if (platform !== undefined && /^\$\{?TARGETPLATFORM\}?$/.test(platform)) {
    const message = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
    yield findingOf('RedundantTargetPlatform', message, source.line);
  } else if (platform !== undefined && !platform.includes('$') && !namesPlatform(as?.name, platform)) {
    const message = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`;
    yield findingOf('FromPlatformFlagConstDisallowed', message, source.line);
  }
}

/** A stage for one platform, chosen by its name: `FROM --platform=linux/arm64 debian AS build-arm64`. */
function namesPlatform(name: string | undefined, platform: string): boolean {
  return platform
    .split('/')
    .some((part) => part !== 'linux' && part !== '' && name?.toLowerCase().includes(part.toLowerCase()));
}

function* checkStage({ instructions }: Stage, state: State, input: CheckInput): Generator<Finding> {
  const last = new Map<string, Instruction>();
  for (const instruction of instructions) {
    const { kind, source } = instruction;
    yield* checkVariables(instruction, state.scope);
    if (ONCE.has(kind)) {
      const before = last.get(kind);
      last.set(kind, instruction);
      const message = `Multiple ${kind} instructions should not be used in the same stage because only the last one will be used`;
      if (before) yield findingOf('MultipleInstructionsDisallowed', message, before.source.line);
    }
    switch (kind) {
      case 'SHELL':
        state.shellSet = true;
        break;
      case 'CMD':
      case 'ENTRYPOINT':
        if (instruction.command.form === 'shell' && !state.shellSet) {
          const message = `JSON arguments recommended for ${kind} to prevent unintended behavior related to OS signals`;
          yield findingOf('JSONArgsRecommended', message, source.line);
        }
        break;
      case 'WORKDIR': {
        const path = attempt(() => state.scope.expand(instruction.value).text) ?? instruction.value;
        if (path.startsWith('/')) state.workdirSet = true;
        else if (!state.workdirSet) {
          const message = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`;
          yield findingOf('WorkdirRelativePath', message, source.line);
        }
        break;
      }
      case 'EXPOSE':
        yield* checkPorts(instruction.values, source.line);
        break;
      case 'COPY':
      case 'ADD':
        yield* checkSources(instruction, input);
        break;
    }
  }
}

/** Reports what the instruction asks for and nothing sets, and takes in what it sets itself. */
function* checkVariables(instruction: Instruction, scope: Scope): Generator<Finding> {
  const unset = new Set<string>();
  const look = (text: string | undefined): string => {
    const expansion = text === undefined ? undefined : attempt(() => scope.expand(text));
    for (const name of expansion?.unset ?? []) unset.add(name);
    return expansion?.text ?? '';
  };
  switch (instruction.kind) {
    case 'ARG': {
      const declared = attempt(() => scope.declare(instruction));
      for (const name of declared?.unset ?? []) unset.add(name);
      break;
    }
    case 'ENV': {
      // All of one ENV see what was before it.
      const values = instruction.assignments.map(({ name, value }) => [name, look(value)] as const);
      for (const [name, value] of values) scope.setEnv(name, value);
      break;
    }
    case 'LABEL':
      for (const { value } of instruction.assignments) look(value);
      break;
    case 'COPY':
    case 'ADD':
      for (const source of instruction.sources) if ('path' in source) look(source.path);
      for (const text of [instruction.destination, instruction.chown, instruction.chmod]) look(text);
      break;
    case 'EXPOSE':
    case 'VOLUME':
      for (const value of instruction.values) look(value);
      break;
    case 'USER':
    case 'WORKDIR':
    case 'STOPSIGNAL':
      look(instruction.value);
      break;
  }
  for (const name of unset) {
    if (scope.args.has(name) || PROXY_ARGS.has(name)) continue;
    const meant = nearest(name, [...scope.env.keys(), ...scope.args.keys()]);
    const message = `Usage of undefined variable '$${name}'${meant ? ` (did you mean $${meant}?)` : ''}`;
    yield findingOf('UndefinedVar', message, instruction.source.line);
  }
}

function* checkPorts(values: readonly string[], line: number): Generator<Finding> {
  for (const value of values) {
    const [port = '', protocol] = value.split('/', 2);
    if (port.replaceAll(/\$\{[^}]*\}/g, '').includes(':')) {
      const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${value}'`;
      yield findingOf('ExposeInvalidFormat', message, line);
    }
    if (protocol !== undefined && !protocol.includes('$') && protocol !== protocol.toLowerCase()) {
      const message = `Defined protocol '${value}' in EXPOSE instruction should be lowercase`;
      yield findingOf('ExposeProtoCasing', message, line);
    }
  }
}

function* checkSources(
  { kind, sources, source, ...rest }: Extract<Instruction, { kind: 'COPY' | 'ADD' }>,
  { ignore }: CheckInput,
): Generator<Finding> {
  if (!ignore || ('from' in rest && rest.from !== undefined)) return;
  for (const one of sources) {
    if (!('path' in one) || /[*?[\\$]/.test(one.path) || /^[a-z][a-z0-9+.-]*:\/\//i.test(one.path)) continue;
    const path = cleanPath(`/${one.path}`).slice(1);
    if (path === '' || !ignore.test(path).ignored) continue;
    const verb = kind === 'COPY' ? 'Copy' : 'Add';
    yield findingOf(
      'CopyIgnoredFile',
      `Attempting to ${verb} file ${JSON.stringify(one.path)} that is excluded by .dockerignore`,
      source.line,
    );
  }
}

/** A check reports what is there; what cannot be expanded is an error of the build. */
function attempt<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
