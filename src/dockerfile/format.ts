import { formatDuration } from './go-duration.ts';
import type { Heredoc } from './heredoc.ts';
import type { Command, CopySource, Dockerfile, Instruction } from './instruction.ts';
import { isSpace } from './space.ts';
import { parseExecForm } from './words.ts';

/**
 * Prints a Dockerfile, an instruction a line, that {@link parseDockerfile} reads as the same instructions; comments and the breaks of long
 * lines are gone.
 */
export function formatDockerfile({
  directives,
  escapeCharacter,
  instructions,
}: Omit<Dockerfile, 'file' | 'lines'>): string {
  const lines = directives.map(({ name, value }) => `# ${name}=${value}`);
  for (const instruction of instructions) lines.push(formatInstruction(instruction, escapeCharacter));
  return `${lines.join('\n')}\n`;
}

/** One instruction, with its heredocs below it. */
export function formatInstruction(instruction: Instruction, escapeCharacter = '\\'): string {
  const line = closed(lineOf(instruction), escapeCharacter);
  const bodies = heredocsOf(instruction).map(({ content, name }) => `\n${content}${name}`);
  return line + bodies.join('');
}

function lineOf(instruction: Instruction): string {
  switch (instruction.kind) {
    case 'FROM': {
      const { platform, base, as } = instruction;
      return join('FROM', flag('platform', platform), base, as && `${as.keyword} ${as.name}`);
    }
    case 'ARG':
      return join(
        'ARG',
        ...instruction.args.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)),
      );
    case 'RUN': {
      const { mounts, network, security, devices, command } = instruction;
      return join(
        'RUN',
        ...mounts.map((mount) => flag('mount', mount)),
        flag('network', network),
        flag('security', security),
        ...devices.map((device) => flag('device', device)),
        commandText(command),
      );
    }
    case 'CMD':
    case 'ENTRYPOINT':
      return join(instruction.kind, commandText(instruction.command));
    case 'SHELL':
      return join('SHELL', JSON.stringify(instruction.shell));
    case 'ENV':
    case 'LABEL':
      return join(
        instruction.kind,
        ...instruction.assignments.map(({ name, value }) => `${name}${instruction.legacy ? ' ' : '='}${value}`),
      );
    case 'COPY':
    case 'ADD':
      return transferLine(instruction);
    case 'EXPOSE':
    case 'VOLUME':
      return join(instruction.kind, list(instruction.values, instruction.json));
    case 'USER':
    case 'WORKDIR':
    case 'STOPSIGNAL':
    case 'MAINTAINER':
      return join(instruction.kind, instruction.value);
    case 'HEALTHCHECK': {
      const { command, interval, timeout, startPeriod, startInterval, retries } = instruction;
      if (!command) return 'HEALTHCHECK NONE';
      return join(
        'HEALTHCHECK',
        duration('interval', interval),
        duration('timeout', timeout),
        duration('start-period', startPeriod),
        duration('start-interval', startInterval),
        flag('retries', retries?.toString()),
        'CMD',
        commandText(command),
      );
    }
    case 'ONBUILD':
      return join('ONBUILD', instruction.expression.split('\n', 1)[0]); // as the config keeps it
  }
}

function transferLine(instruction: Extract<Instruction, { kind: 'COPY' | 'ADD' }>): string {
  const { kind, sources, destination, json, chown, chmod, link, exclude } = instruction;
  const own =
    kind === 'COPY'
      ? [flag('from', instruction.from), instruction.parents ? '--parents' : undefined]
      : [
          flag('checksum', instruction.checksum),
          instruction.keepGitDir ? '--keep-git-dir' : undefined,
          flag('unpack', instruction.unpack?.toString()),
        ];
  const paths = [...sources.map(sourceText), destination];
  return join(
    kind,
    ...own,
    flag('chown', chown),
    flag('chmod', chmod),
    link ? '--link' : undefined,
    ...exclude.map((pattern) => flag('exclude', pattern)),
    list(paths, json),
  );
}

function list(values: readonly string[], json: boolean): string {
  if (json) return JSON.stringify(values);
  const text = values.join(' ');
  // What only its white space keeps from being JSON gets some that JSON has neither between its parts nor in a string.
  return isExecForm(text) ? values.join('\t\u00a0') : text;
}

function isExecForm(text: string): boolean {
  try {
    return parseExecForm(text) !== undefined;
  } catch {
    return true;
  }
}

function sourceText(source: CopySource): string {
  return 'path' in source ? source.path : source.heredoc.marker;
}

function commandText(command: Command): string {
  return command.form === 'exec' ? JSON.stringify(command.args) : command.text;
}

function heredocsOf(instruction: Instruction): readonly Heredoc[] {
  switch (instruction.kind) {
    case 'RUN':
      return instruction.command.form === 'shell' ? instruction.command.heredocs : [];
    case 'COPY':
    case 'ADD':
      return instruction.sources.flatMap((source) => ('heredoc' in source ? [source.heredoc] : []));
    case 'ONBUILD':
      return heredocsOf(instruction.trigger);
    default:
      return [];
  }
}

function flag(name: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `--${name}=${quoted(value)}`;
}

/** Nanoseconds, in the unit that loses nothing. */
function duration(name: string, nanoseconds: number | undefined): string | undefined {
  return nanoseconds === undefined ? undefined : `--${name}=${formatDuration(nanoseconds)}`;
}

/** A flag's value: white space, quotes and backslashes are escaped, with a backslash whatever the file's escape character is. */
function quoted(value: string): string {
  return [...value]
    .map((character) => (isSpace(character) || '\'"\\'.includes(character) ? `\\${character}` : character))
    .join('');
}

function join(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

/**
 * A line whose own end would join it to the next one, or be trimmed: a no-break space, which is trimmed when it is read, keeps the first
 * from the line feed; white space in a quote that nobody closed is kept by an escape character, which at the end escapes nothing.
 */
function closed(line: string, escapeCharacter: string): string {
  if (isSpace(line.at(-1) ?? '')) return `${line}${escapeCharacter}\u00a0`;
  return line.endsWith(escapeCharacter) && line.at(-2) !== escapeCharacter ? `${line}\u00a0` : line;
}
