import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { EngineError } from '../std/index.ts';
import { CLEAN_ENV, shellCommand } from './host-tools.ts';

const HYBRID = '/sys/fs/cgroup/unified';

/**
 * Where the older cgroup hierarchies are in use beside an (unused) unified one, crun refuses to run; it does where the unified one is out
 * of sight. Run in a private mount namespace.
 */
export function hidesUnified(): boolean {
  return existsSync(`${HYBRID}/cgroup.procs`);
}

/** First line of every script: takes the unified hierarchy away, in this namespace alone. */
export const HIDE_UNIFIED: string = `umount ${HYBRID} 2>/dev/null`;

export interface CommandOptions {
  /** For a command that leaves a process behind: it gets none of our pipes, which would not end before it does. */
  readonly detached?: boolean;
}

export interface CommandResult {
  /** 128 + n for the end by signal n. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The command line that runs `command` in a mount namespace of its own where the OCI runtime finds its cgroups; plain where it does anyway.
 * Where a process is in such a namespace already, `holder` names it: that one is entered, which is quicker than to make another.
 */
export function inNamespace(command: readonly string[], { holder }: { holder?: number } = {}): string[] {
  if (!hidesUnified()) return [...command];
  const { nsenter, unshare, shell } = shellCommand();
  if (holder !== undefined) return [...nsenter, '-t', `${holder}`, '-m', ...command];
  return [
    ...unshare,
    '-m',
    '--propagation',
    'slave',
    ...shell,
    '-c',
    `${HIDE_UNIFIED}; exec "$@"`,
    'strata',
    ...command,
  ];
}

/** Runs a short command as {@link inNamespace} says, its output gathered. */
export function runInNamespace(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runCommand(inNamespace(command), options);
}

/** Runs a program of this machine with a clean environment, its output gathered: at most a megabyte of each stream. */
export function runCommand(
  [program, ...args]: readonly string[],
  { detached = false }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, {
      env: CLEAN_ENV,
      cwd: '/',
      stdio: detached ? 'ignore' : ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        if (output[stream].length < 1 << 20) output[stream] += text;
      });
    child.on('error', (error) =>
      reject(new EngineError('Unavailable', `can't start ${program}: ${error.message}`, { cause: error })),
    );
    child.on('close', (code, signal) => resolve({ code: code ?? exitCodeOfSignal(signal), ...output }));
  });
}

export function exitCodeOfSignal(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : (constants.signals[signal] ?? 0));
}
