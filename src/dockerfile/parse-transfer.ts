import { heredocMarker } from './heredoc.ts';
import type { CopySource, Instruction } from './instruction.ts';
import { InstructionError, type Reading } from './reading.ts';
import { parseExecForm, splitFields } from './words.ts';

function parseTransfer(reading: Reading): {
  sources: readonly CopySource[];
  destination: string;
  json: boolean;
  link: boolean;
  exclude: readonly string[];
  chown?: string;
  chmod?: string;
} {
  const { line, from, flags, heredocs, keyword } = reading;
  const array = parseExecForm(line.slice(from));
  const paths = array ?? splitFields(line, from).map(({ text }) => text);
  const destination = paths.at(-1);
  if (destination === undefined || paths.length < 2) {
    throw new InstructionError(
      `${keyword} needs a source and a destination: ${keyword} SOURCE… DESTINATION`,
      line.length,
    );
  }
  if (!array && heredocMarker(destination)) {
    throw new InstructionError(`${keyword} takes no heredoc as its destination`, line.lastIndexOf(destination));
  }
  const chown = flags.text('chown');
  const chmod = flags.text('chmod');
  const open = [...heredocs];
  const sources = paths.slice(0, -1).map((path): CopySource => {
    const heredoc = open[0]?.marker === path ? open.shift() : undefined;
    return heredoc ? { heredoc } : { path };
  });
  const [stray] = open;
  if (stray)
    throw new InstructionError(`${keyword} takes ${stray.marker} as a source of its own, without spaces`, from);
  return {
    sources,
    destination,
    json: array !== undefined,
    link: flags.switch('link') ?? false,
    exclude: flags.texts('exclude'),
    ...(chown !== undefined && { chown }),
    ...(chmod !== undefined && { chmod }),
  };
}

export function parseCopy(reading: Reading): Instruction {
  const from = reading.flags.text('from');
  return {
    kind: 'COPY',
    source: reading.source,
    ...parseTransfer(reading),
    parents: reading.flags.switch('parents') ?? false,
    ...(from !== undefined && { from }),
  };
}

export function parseAdd(reading: Reading): Instruction {
  const checksum = reading.flags.text('checksum');
  const unpack = reading.flags.switch('unpack');
  return {
    kind: 'ADD',
    source: reading.source,
    ...parseTransfer(reading),
    keepGitDir: reading.flags.switch('keep-git-dir') ?? false,
    ...(checksum !== undefined && { checksum }),
    ...(unpack !== undefined && { unpack }),
  };
}
