import { Writable } from 'node:stream';
import { run as runContainer, runLazy, start } from '../../engine/index.ts';
import { expediteCgroups, type RunResult, type RunStreams } from '../../runtime/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { containerFlags } from '../container-flags.ts';
import { signalExitCode } from '../errors.ts';
import { makeContainer, makingFlags } from '../make-container.ts';
import { lazyFlags, makeLazyContainer } from '../run-lazy.ts';

/** So many signals end the command where its container does not care for them. */
const INSISTENCE = 3;

export const run: Command = command({
  args: 'IMAGE [COMMAND] [ARG...]',
  interspersed: false,
  failure: 125,
  flags: {
    ...containerFlags,
    ...makingFlags,
    ...lazyFlags,
    attach: {
      kind: 'list',
      short: 'a',
      metavar: 'STREAM',
      description: 'Attach only to these of stdin, stdout, stderr',
    },
    detach: { kind: 'boolean', short: 'd', description: 'Let it run in the background and print its ID' },
    detachKeys: {
      kind: 'string',
      default: 'ctrl-p,ctrl-q',
      metavar: 'KEYS',
      description: 'Keys that detach from its terminal',
    },
    sigProxy: { kind: 'boolean', default: true, description: 'Pass signals on to it' },
  },
  examples: ['run -it --rm debian:12', 'run -d --name web -v data:/srv app:1', 'run --rm --network none busybox true'],
  complete: ['image'],
  async run(context) {
    expediteCgroups(); // first of all: the kernel works on it while we read
    const { flags, io, print, warn, engine, takeSignals } = context;
    if (flags.detach && flags.attach.length > 0)
      throw new EngineError('InvalidArgument', 'conflicting options: --attach and --detach');
    if (flags.tty && !flags.detach && flags.interactive && !io.isTerminal.stdin)
      throw new EngineError('InvalidArgument', 'the input device is not a TTY');
    const lazy = flags.lazy ? await makeLazyContainer(context) : undefined;
    const container = lazy?.container ?? (await makeContainer(context, { starting: true }));
    const opened = await engine();
    if (flags.detach) {
      await start(opened, container.id);
      print(container.id);
      return 0;
    }
    let patience = flags.sigProxy ? INSISTENCE : 1;
    const { promise: left, resolve: leave } = Promise.withResolvers<RunResult>();
    // a terminal sends its keys, and one that is closed ends the command
    using _signals = container.tty
      ? undefined
      : takeSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (name) => {
          if (--patience > 0) return; // it is the container's
          warn(
            `strata: container ${container.name} goes on without this command; to end it: strata rm -f ${container.name}`,
          );
          leave({ exitCode: signalExitCode(name) });
        });
    const how = {
      ...(flags.attach.length > 0 && { streams: attachedStreams(flags.attach) }),
      proxySignals: flags.sigProxy,
      detachKeys: flags.detachKeys,
    };
    const ran = lazy ? runLazy(opened, lazy, how) : runContainer(opened, container, how);
    const { exitCode, error } = await Promise.race([ran, left]);
    if (error !== undefined && container.tty) warn(`strata: ${error}`); // without a terminal the OCI runtime has said it already
    return exitCode;
  },
});

/** Only the named streams; what the others write goes to the log alone. */
function attachedStreams(names: readonly string[]): RunStreams {
  const wanted = names.map((name) => name.toLowerCase());
  const unknown = wanted.find((name) => !['stdin', 'stdout', 'stderr'].includes(name));
  if (unknown !== undefined)
    throw new EngineError('InvalidArgument', `--attach ${unknown}: valid streams are stdin, stdout and stderr`);
  const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
  return {
    ...(!wanted.includes('stdin') && { stdin: 'none' }),
    ...(!wanted.includes('stdout') && { stdout: nowhere() }),
    ...(!wanted.includes('stderr') && { stderr: nowhere() }),
  };
}
