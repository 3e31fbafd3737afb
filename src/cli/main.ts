import { encodeName, isErrno, printable } from '../std/index.ts';
import type { Command, CommandContext, Program, Verb } from './command.ts';
import type { Engine, Globals, Wiring } from './context.ts';
import { describeError, exitCodeOf, Interrupted, OutputClosed, signalExitCode } from './errors.ts';
import { flagNameOf, parseFlags } from './flags.ts';
import { globalsOf } from './globals.ts';
import type { Io } from './io.ts';
import { resolve } from './resolve.ts';
import { checkArity } from './usage.ts';
import { UsageError } from './usage-error.ts';

const STOPPING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** A command line to its exit code. Everything it says is written out when it returns. */
export async function main(argv: readonly string[], world: Io, program: Program, wiring: Wiring): Promise<number> {
  const abort = new AbortController();
  const takers: Taker[] = [];
  const watched = watchOutput(world, abort);
  const { io } = watched;
  const output = printer(io, watched.failure);
  const { promise: killed, resolve: kill } = Promise.withResolvers<number>();
  using _signals = io.onSignal(STOPPING, (signal) => {
    const taker = takers.findLast(({ signals }) => signals.includes(signal));
    if (taker) taker.listener(signal);
    else if (abort.signal.reason instanceof Interrupted) kill(signalExitCode(signal));
    else abort.abort(new Interrupted(signal));
  });

  const started: Started = { help: `${program.name} --help`, debug: false };
  const session: Session = { io, program, wiring, output, signal: abort.signal, started, takers };
  const tell = (error: unknown): number => {
    const stopped: unknown = abort.signal.reason;
    const told = stopped instanceof Interrupted || stopped instanceof OutputClosed ? stopped : error;
    const text = describeError(told, { program: program.name, help: started.help, debug: started.debug });
    if (text !== undefined) output.warn(text);
    return exitCodeOf(told, started.failure);
  };
  const work = dispatch(argv, session).catch(tell);
  let code = await Promise.race([work, killed]);
  await watched.flushed();
  // What is written last fails last: success is not success when nobody got it.
  if (code === 0 && watched.failure() !== undefined) code = tell(watched.failure());
  return code;
}

/** What is known of the verb so far, for whoever must tell how it failed. */
interface Started {
  help: string;
  debug: boolean;
  failure?: number;
}

interface Taker {
  readonly signals: readonly NodeJS.Signals[];
  readonly listener: (signal: NodeJS.Signals) => void;
}

interface Session {
  readonly io: Io;
  readonly program: Program;
  readonly wiring: Wiring;
  readonly output: Printer;
  readonly signal: AbortSignal;
  readonly started: Started;
  readonly takers: Taker[];
}

async function dispatch(argv: readonly string[], session: Session): Promise<number> {
  const { io, program, output, started } = session;
  const { values, args, help } = parseFlags(argv, program.globals, { interspersed: false, env: io.env });
  const { version: showVersion, ...globals } = globalsOf(values);
  started.debug = globals.debug;
  if (showVersion) {
    const { version } = await import('./version.ts');
    output.print(`${program.name} version ${version()}`);
    return 0;
  }
  const asked = help || args[0] === 'help';
  const words = args[0] === 'help' ? args.slice(1) : args;
  if (words.length === 0) {
    const { programHelp } = await import('./help.ts');
    output.print(programHelp(program, io));
    return 0;
  }
  const resolved = resolve(program, words);
  if (resolved.kind === 'topic') {
    const { topicHelp } = await import('./help.ts');
    const path = `${program.name} ${resolved.topic.name}`;
    started.help = `${path} --help`;
    parseFlags(resolved.rest, {}, { interspersed: true, env: io.env });
    output.print(topicHelp(program, resolved.topic, io));
    return 0;
  }
  started.help = `${program.name} ${resolved.path} --help`;
  return runVerb(resolved.verb, resolved.path, asked ? ['--help'] : resolved.rest, globals, session);
}

async function runVerb(
  verb: Verb,
  path: string,
  rest: readonly string[],
  globals: Globals,
  { io, program, wiring, output, signal, started, takers }: Session,
): Promise<number> {
  const command = await verb.load();
  const parsed = parseVerbFlags(rest, command, path, program, io);
  if (parsed.help) {
    const { verbHelp } = await import('./help.ts');
    output.print(verbHelp(program, verb, command, path, io));
    return 0;
  }
  checkArity(`${program.name} ${path}`, command, parsed.args.length);
  if (command.failure !== undefined) started.failure = command.failure;

  let opened: Promise<Engine> | undefined;
  const context: CommandContext = {
    args: parsed.args,
    flags: parsed.values,
    given: parsed.given,
    io,
    signal,
    globals,
    program,
    print: output.print,
    warn: output.warn,
    engine(further) {
      opened ??= wiring.openEngine(globals, further);
      return opened;
    },
    takeSignals(signals, listener) {
      const taker = { signals, listener };
      takers.push(taker);
      const others = io.onSignal(
        signals.filter((each) => !STOPPING.includes(each)),
        listener,
      );
      return {
        [Symbol.dispose]() {
          others[Symbol.dispose]();
          takers.splice(takers.indexOf(taker), 1);
        },
      };
    },
  };
  try {
    return (await command.run(context)) ?? 0;
  } finally {
    if (opened) {
      const engine = await opened.catch(() => undefined); // the verb has seen that failure
      await engine?.[Symbol.asyncDispose]();
    }
  }
}

/** A verb's flags; where a global one was typed after the verb, the error says where it belongs. */
function parseVerbFlags(
  rest: readonly string[],
  command: Command,
  path: string,
  program: Program,
  io: Io,
): ReturnType<typeof parseFlags> {
  const options = { interspersed: command.interspersed !== false, env: io.env };
  try {
    return parseFlags(rest, command.flags, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (!Object.keys(program.globals).some((key) => flagNameOf(key) === error.flag)) throw error;
    const hint = `--${error.flag} goes before the verb: ${program.name} --${error.flag} … ${path}`;
    throw new UsageError(error.message, { hint });
  }
}

interface Printer {
  print(line: string): void;
  warn(line: string): void;
}

/** Lines for people. */
function printer(io: Io, failure: () => unknown): Printer {
  const line = (text: string, terminal: boolean): Buffer => encodeName(`${terminal ? printable(text) : text}\n`);
  return {
    print(text) {
      if (failure() !== undefined) throw failure();
      io.stdout.write(line(text, io.isTerminal.stdout));
    },
    warn(text) {
      io.stderr.write(line(text, io.isTerminal.stderr));
    },
  };
}

interface WatchedOutput {
  readonly io: Io;
  /** Why standard output takes nothing any more. */
  failure(): unknown;
  flushed(): Promise<unknown>;
}

/**
 * The same world, its output streams watched from when they are first used: Node takes a millisecond to make one, and many a run needs none. A
 * standard output that fails aborts what runs; a closed standard error is nobody's failure.
 */
function watchOutput(world: Io, abort: AbortController): WatchedOutput {
  let failure: unknown;
  const used = new Set<Io['stdout']>();
  const watch = (stream: Io['stdout'], onError: (error: unknown) => void): Io['stdout'] => {
    if (!used.has(stream)) stream.on('error', onError);
    used.add(stream);
    return stream;
  };
  const onError = (error: unknown): void => {
    failure ??= isErrno(error, 'EPIPE') ? new OutputClosed('standard output is closed') : error;
    abort.abort(failure);
  };
  const io: Io = {
    get stdin() {
      return world.stdin;
    },
    get stdout() {
      return watch(world.stdout, onError);
    },
    get stderr() {
      return watch(world.stderr, () => {});
    },
    env: world.env,
    isTerminal: world.isTerminal,
    get columns() {
      return world.columns;
    },
    get rows() {
      return world.rows;
    },
    onSignal: (signals, listener) => world.onSignal(signals, listener),
  };
  return { io, failure: () => failure, flushed: () => Promise.all([...used].map(flush)) };
}

function flush(stream: Io['stdout']): Promise<void> {
  return new Promise((resolve) => {
    // An error event comes a turn after its write.
    if (stream.destroyed || stream.writableEnded) setImmediate(resolve);
    else stream.write('', () => setImmediate(resolve));
  });
}
