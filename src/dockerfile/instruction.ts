import type { Heredoc } from './heredoc.ts';

/** The instructions of the Dockerfile reference, in its order. */
export const KEYWORDS = [
  'ADD',
  'ARG',
  'CMD',
  'COPY',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'FROM',
  'HEALTHCHECK',
  'LABEL',
  'MAINTAINER',
  'ONBUILD',
  'RUN',
  'SHELL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
] as const;

export type Keyword = (typeof KEYWORDS)[number];

/** Where an instruction stands, and how it was written. */
export interface Source {
  /** Counted from 1. */
  readonly line: number;
  /** The last line, of its heredocs too. */
  readonly endLine: number;
  /** Its lines joined to one, without heredocs. */
  readonly text: string;
  /** The keyword as written. */
  readonly keyword: string;
  /** The comments right above, a line each, without `#`. */
  readonly comments: readonly string[];
  readonly emptyContinuation: boolean;
}

/** What RUN, CMD, ENTRYPOINT and HEALTHCHECK CMD take. */
export type Command =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly text: string; readonly heredocs: readonly Heredoc[] };

/** `name=value`; the value is as written, with its quotes, to be expanded. */
export interface Assignment {
  readonly name: string;
  readonly value: string;
}

/** A place in the context, a stage or on the network; or a text of the Dockerfile itself. */
export type CopySource = { readonly path: string } | { readonly heredoc: Heredoc };

interface Transfer {
  readonly sources: readonly CopySource[];
  readonly destination: string;
  /** Whether it was written as a JSON array. */
  readonly json: boolean;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

interface Sourced {
  readonly source: Source;
}

export interface FromInstruction extends Sourced {
  readonly kind: 'FROM';
  /** An image, or a stage above. */
  readonly base: string;
  readonly platform?: string;
  /** The stage's name as written; it counts without case. */
  readonly as?: { readonly keyword: string; readonly name: string };
}

export interface ArgInstruction extends Sourced {
  readonly kind: 'ARG';
  readonly args: readonly { readonly name: string; readonly value?: string }[];
}

export interface RunInstruction extends Sourced {
  readonly kind: 'RUN';
  readonly command: Command;
  /** As written; {@link parseMount} reads one when its variables are known. */
  readonly mounts: readonly string[];
  readonly network?: string;
  readonly security?: string;
  readonly devices: readonly string[];
}

export interface CommandInstruction extends Sourced {
  readonly kind: 'CMD' | 'ENTRYPOINT';
  readonly command: Command;
}

export interface ShellInstruction extends Sourced {
  readonly kind: 'SHELL';
  readonly shell: readonly string[];
}

export interface AssignInstruction extends Sourced {
  readonly kind: 'ENV' | 'LABEL';
  readonly assignments: readonly Assignment[];
  /** Written `ENV name value`, without `=`. */
  readonly legacy: boolean;
}

export interface CopyInstruction extends Sourced, Transfer {
  readonly kind: 'COPY';
  readonly from?: string;
  readonly parents: boolean;
}

export interface AddInstruction extends Sourced, Transfer {
  readonly kind: 'ADD';
  readonly checksum?: string;
  readonly keepGitDir: boolean;
  /** Whether archives are unpacked; undefined leaves it to the source: local ones are, downloaded ones are not. */
  readonly unpack?: boolean;
}

export interface ListInstruction extends Sourced {
  readonly kind: 'EXPOSE' | 'VOLUME';
  readonly values: readonly string[];
  readonly json: boolean;
}

export interface ValueInstruction extends Sourced {
  readonly kind: 'USER' | 'STOPSIGNAL' | 'MAINTAINER';
  readonly value: string;
}

export interface WorkdirInstruction extends Sourced {
  readonly kind: 'WORKDIR';
  readonly value: string;
}

export interface HealthcheckInstruction extends Sourced {
  readonly kind: 'HEALTHCHECK';
  /** Undefined is `NONE`: the base's check is off. */
  readonly command?: Command;
  /** Nanoseconds, as the config has them; undefined where not given. */
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly startInterval?: number;
  readonly retries?: number;
}

export interface OnbuildInstruction extends Sourced {
  readonly kind: 'ONBUILD';
  /** What the config keeps: the trigger's text, with its heredocs. */
  readonly expression: string;
  readonly trigger: Instruction;
}

export type Instruction =
  | FromInstruction
  | ArgInstruction
  | RunInstruction
  | CommandInstruction
  | ShellInstruction
  | AssignInstruction
  | CopyInstruction
  | AddInstruction
  | ListInstruction
  | ValueInstruction
  | WorkdirInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;

/** `# name=value` above everything else. */
export interface Directive {
  readonly name: 'syntax' | 'escape' | 'check';
  readonly value: string;
  readonly line: number;
}

export interface Dockerfile {
  /** How messages call it. */
  readonly file: string;
  readonly directives: readonly Directive[];
  readonly escapeCharacter: '\\' | '`';
  readonly instructions: readonly Instruction[];
  /** The file's lines, for messages. */
  readonly lines: readonly string[];
}
