import type { ContainerConfig } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';

/** The Dockerfile instructions that `commit --change` and `import --change` take, as docker's documentation lists them. */
const APPLY: Readonly<Record<string, (config: ContainerConfig, rest: string) => ContainerConfig>> = {
  CMD: (config, rest) => ({ ...config, Cmd: commandOf(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: commandOf(rest) }),
  ENV: (config, rest) => ({ ...config, Env: mergeEnv(config.Env ?? [], pairsOf('ENV', rest)) }),
  EXPOSE: (config, rest) => ({
    ...config,
    ExposedPorts: {
      ...config.ExposedPorts,
      ...Object.fromEntries(rest.split(/\s+/).map((port) => [portOf(port), {}])),
    },
  }),
  HEALTHCHECK: (config, rest) => ({ ...config, Healthcheck: healthcheckOf(rest) }),
  LABEL: (config, rest) => ({ ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairsOf('LABEL', rest)) } }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), rest] }),
  SHELL: (config, rest) => ({ ...config, Shell: jsonArray(rest) ?? fail('SHELL', 'needs a JSON array') }),
  STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: rest }),
  USER: (config, rest) => ({ ...config, User: rest }),
  VOLUME: (config, rest) => ({
    ...config,
    Volumes: {
      ...config.Volumes,
      ...Object.fromEntries((jsonArray(rest) ?? rest.split(/\s+/)).map((path) => [path, {}])),
    },
  }),
  WORKDIR: (config, rest) => ({
    ...config,
    WorkingDir: rest.startsWith('/') ? rest : `${config.WorkingDir ?? ''}/${rest}`.replace(/\/+/g, '/'),
  }),
};

/** Applies instructions such as `ENV A=b` or `CMD ["sh"]` to a config, in order. InvalidArgument names the one that is wrong. */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  return changes.reduce((changed, line) => {
    const [, word = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(line) ?? [];
    const apply = APPLY[word.toUpperCase()];
    if (!apply)
      throw new EngineError(
        'InvalidArgument',
        `--change ${JSON.stringify(line)}: ${word || 'nothing'} is not one of ${Object.keys(APPLY).join(', ')}`,
      );
    if (rest === '') fail(word.toUpperCase(), 'needs an argument');
    return apply(changed, rest);
  }, config);
}

/** Sets variables: the last value of a name wins and keeps the place of the first. */
export function mergeEnv(env: readonly string[], pairs: Iterable<readonly [name: string, value: string]>): string[] {
  const merged = new Map(env.map((entry) => [entry.split('=', 1)[0] as string, entry]));
  for (const [name, value] of pairs) merged.set(name, `${name}=${value}`);
  return [...merged.values()];
}

function commandOf(rest: string): string[] {
  return jsonArray(rest) ?? ['/bin/sh', '-c', rest];
}

function jsonArray(rest: string): string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  } catch {
    // not JSON: docker takes such a line as shell form
  }
  return undefined;
}

/** `A=b "C=d e" F='g'`, or the old form `A b c`. */
function pairsOf(instruction: string, rest: string): [string, string][] {
  const words = splitWords(rest);
  if (!words[0]?.includes('=')) {
    const [, name = '', value = ''] =
      /^(\S+)\s+(.*)$/s.exec(rest) ?? fail(instruction, `${JSON.stringify(rest)} is not NAME=VALUE`);
    return [[name, value]];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 1) fail(instruction, `${JSON.stringify(word)} is not NAME=VALUE`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

/** Words split at blanks, with quotes and backslashes taken as a shell does. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '\\' && quote !== "'" && at + 1 < text.length) word = (word ?? '') + text[++at];
    else if (quote) {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function portOf(text: string): string {
  const [, port = '', protocol = 'tcp'] =
    /^(\d+(?:-\d+)?)(?:\/(tcp|udp|sctp))?$/i.exec(text) ??
    fail('EXPOSE', `${JSON.stringify(text)} is not PORT[/PROTOCOL]`);
  return `${port}/${protocol.toLowerCase()}`;
}

type Healthcheck = NonNullable<ContainerConfig['Healthcheck']>;

function healthcheckOf(rest: string): Healthcheck {
  if (/^NONE$/i.test(rest)) return { Test: ['NONE'] };
  const options: Record<string, string> = {};
  const command = rest.replace(/^(?:--([a-z-]+)=(\S+)\s+)+/, (all) => {
    for (const [, name, value] of all.matchAll(/--([a-z-]+)=(\S+)/g)) options[name as string] = value as string;
    return '';
  });
  const [, shell] = /^CMD\s+(.+)$/is.exec(command) ?? fail('HEALTHCHECK', 'needs CMD or NONE');
  const array = jsonArray(shell as string);
  const names = {
    interval: 'Interval',
    timeout: 'Timeout',
    'start-period': 'StartPeriod',
    'start-interval': 'StartInterval',
  } as const;
  const durations: Record<string, number> = {};
  for (const [name, value] of Object.entries(options)) {
    if (name === 'retries') durations['Retries'] = Number(value);
    else if (name in names) durations[names[name as keyof typeof names]] = nanosecondsOf(value);
    else fail('HEALTHCHECK', `unknown option --${name}`);
  }
  return { Test: array ? ['CMD', ...array] : ['CMD-SHELL', shell as string], ...durations };
}

function nanosecondsOf(text: string): number {
  const unit: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text))
    fail('HEALTHCHECK', `${JSON.stringify(text)} is not a duration such as 30s`);
  let total = 0;
  for (const [, number, name] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(number) * (unit[name as string] as number);
  return Math.round(total);
}

function fail(instruction: string, why: string): never {
  throw new EngineError('InvalidArgument', `--change: ${instruction} ${why}`);
}
