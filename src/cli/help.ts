import type { Command, Program, Topic, Verb } from './command.ts';
import { type Flag, type Flags, flagNameOf } from './flags.ts';
import { formatSize } from './humanize.ts';
import { verbsOf } from './resolve.ts';
import { usageLines } from './usage.ts';
import { wrapText } from './wrap.ts';

interface Layout {
  readonly columns: number;
}

/** `strata --help`: the verbs by task. */
export function programHelp(program: Program, { columns }: Layout): string {
  const rowsOf = (group: string): [name: string, summary: string][] => [
    ...program.verbs
      .filter((verb) => verb.group === group && !verb.hidden && !verb.names[0].includes(' '))
      .map(({ names, summary }): [string, string] => [names[0], summary]),
    ...program.topics
      .filter((topic) => topic.group === group && verbsOf(program, topic).length > 0)
      .map(({ name, summary }): [string, string] => [`${name} …`, summary]),
  ];
  const groups = program.groups.map((group) => ({ group, rows: rowsOf(group) })).filter(({ rows }) => rows.length > 0);
  const width = Math.max(...groups.flatMap(({ rows }) => rows.map(([name]) => name.length))) + 3;
  return [
    `Usage:  ${program.name} [OPTIONS] COMMAND`,
    '',
    program.summary,
    ...groups.flatMap(({ group, rows }) => ['', `${group}:`, ...rows.flatMap((row) => entry(row, width, columns))]),
    '',
    'Global Options:',
    ...flagLines(program.globals, columns),
    '',
    `Run '${program.name} COMMAND --help' for more information on a command.`,
  ].join('\n');
}

/** `strata image --help`: what can follow a management word. */
export function topicHelp(program: Program, topic: Topic, { columns }: Layout): string {
  const rows = verbsOf(program, topic).map(({ name, verb }): [string, string] => [name, verb.summary]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 3;
  return [
    `Usage:  ${program.name} ${topic.name} COMMAND`,
    '',
    topic.summary,
    '',
    'Commands:',
    ...rows.flatMap((row) => entry(row, width, columns)),
    '',
    `Run '${program.name} ${topic.name} COMMAND --help' for more information on a command.`,
  ].join('\n');
}

/** `strata run --help`, for the verb as it was typed (`path`). */
export function verbHelp(program: Program, verb: Verb, command: Command, path: string, { columns }: Layout): string {
  const [first, ...others] = usageLines(`${program.name} ${path}`, command);
  const options = flagLines(command.flags, columns);
  return [
    `Usage:  ${first}`,
    ...others.map((line) => `        ${line}`),
    '',
    verb.summary,
    ...(command.description ?? []).flatMap((paragraph) => ['', ...wrapText(paragraph, columns - 1)]),
    ...(verb.names.length > 1
      ? ['', 'Aliases:', `  ${verb.names.map((name) => `${program.name} ${name}`).join(', ')}`]
      : []),
    ...(options.length > 0 ? ['', 'Options:', ...options] : []),
    ...(command.examples ? ['', 'Examples:', ...command.examples.map((line) => `  ${program.name} ${line}`)] : []),
  ].join('\n');
}

/** Flags as pflag lays them out: `  -a, --all string   What it does (default "x")`, the text wrapped beside the names. */
function flagLines(flags: Flags, columns: number): string[] {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([key, flag]) => ({ name: flagNameOf(key), flag }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, flag }): [string, string] => [
      `${flag.short === undefined ? '   ' : `-${flag.short},`} --${name}${valueName(flag)}`,
      `${flag.description}${choicesOf(flag)}${defaultOf(flag)}${flag.env === undefined ? '' : ` [$${flag.env}]`}`,
    ]);
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 3;
  return rows.flatMap((row) => entry(row, width, columns));
}

function entry([name, text]: readonly [string, string], width: number, columns: number): string[] {
  const [first = '', ...rest] = wrapText(text, Math.max(columns - width - 3, 24));
  return [`  ${name.padEnd(width)}${first}`, ...rest.map((line) => ' '.repeat(width + 2) + line)];
}

function valueName(flag: Flag): string {
  if (flag.kind === 'boolean') return '';
  if (flag.kind === 'optional') return `[=${flag.metavar ?? 'string'}]`;
  return ` ${flag.metavar ?? (flag.kind === 'number' ? 'int' : flag.kind)}`;
}

function choicesOf(flag: Flag): string {
  return flag.kind === 'string' && flag.choices ? ` (${flag.choices.map((choice) => `"${choice}"`).join(', ')})` : '';
}

/** Defaults that say something: nothing for false, zero and the empty string, as pflag has it. */
function defaultOf(flag: Flag): string {
  if (flag.kind === 'list' || flag.kind === 'map' || !flag.default) return '';
  switch (flag.kind) {
    case 'string':
    case 'optional':
      return ` (default "${flag.default}")`;
    case 'duration':
      return ` (default ${flag.default / 1000}s)`;
    case 'bytes':
      return ` (default ${formatSize(flag.default)})`;
    case 'boolean':
    case 'number':
    case 'decimal':
      return ` (default ${flag.default})`;
  }
}
