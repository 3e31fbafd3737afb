import type { Engine, FurtherOptions, Globals } from './context.ts';
import type { Completion, Flags, FlagValues } from './flags.ts';
import type { Io } from './io.ts';

/** What a verb gets to work with. */
export interface CommandContext<Values = Readonly<Record<string, unknown>>> {
  readonly args: readonly string[];
  readonly flags: Values;
  /** Keys of the flags that were given, for verbs that change only what was named. */
  readonly given: ReadonlySet<string>;
  readonly io: Io;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  readonly globals: Globals;
  readonly program: Program;
  /** A line for standard output; on a terminal without the control characters that a hostile name may hold. */
  print(line: string): void;
  /** A line for standard error, cleaned in the same way. */
  warn(line: string): void;
  /** Opened at the first call, with what the verb's own flags say of it; closed when the verb ends. */
  engine(further?: FurtherOptions): Promise<Engine>;
  /** Hands `signals` to `listener` instead of aborting, until disposed: `run` passes them on to its container. */
  takeSignals(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): Disposable;
}

interface Manners {
  /**
   * The arguments as the usage line shows them, which also says how many there may be: `IMAGE [COMMAND] [ARG...]`. A word in brackets is
   * optional, three dots mean any number. Several lines where the verb has several forms: they are shown, the first counts.
   */
  readonly args?: string | readonly string[];
  /** Further paragraphs of the help. */
  readonly description?: readonly string[];
  /** Shown at the help's end, one a line, without the program's name. */
  readonly examples?: readonly string[];
  /** False for verbs whose flags end at the first argument: what follows belongs to the container's command. */
  readonly interspersed?: false;
  /** Exit code for failures of the verb; 1 if absent, 125 for `run`. */
  readonly failure?: number;
  /** What the shell may offer for the arguments, the last entry for all further ones. */
  readonly complete?: readonly Completion[];
}

/** A verb as the program sees it. */
export interface Command extends Manners {
  readonly flags: Flags;
  /** Returns the exit code, 0 if nothing. */
  run(context: CommandContext): Promise<number> | Promise<void>;
}

/** Declares a verb; the types of `context.flags` follow from `flags`. */
export function command<const Declared extends Flags>(
  declaration: Manners & {
    readonly flags?: Declared;
    run(context: CommandContext<FlagValues<Declared>>): Promise<number> | Promise<void>;
  },
): Command {
  return {
    ...declaration,
    flags: declaration.flags ?? {},
    run: (context) => declaration.run(context as CommandContext<FlagValues<Declared>>),
  };
}

/** A row of the verb table: all that is known of a verb before its file is loaded. */
export interface Verb {
  /** `images`, `image ls`: all mean the same; the first is the one that lists show. */
  readonly names: readonly [string, ...string[]];
  readonly group: string;
  readonly summary: string;
  readonly hidden?: boolean;
  load(): Promise<Command>;
}

/** A word that groups verbs: `image` of `image ls`. */
export interface Topic {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
}

/** The whole command line as data. */
export interface Program {
  readonly name: string;
  readonly summary: string;
  readonly globals: Flags;
  readonly groups: readonly string[];
  readonly topics: readonly Topic[];
  readonly verbs: readonly Verb[];
}
