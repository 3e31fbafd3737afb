import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { EngineError, isErrno } from '../../std/index.ts';

/** How long (milliseconds) a program that administers volumes may take. */
const PATIENCE = 60_000;

/** Runs a program of the system to its end; what it printed, or an error with what it complained of. */
export function runProgram(program: string, args: readonly string[], { from }: { from: string }): string {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...deviceFiles() },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE,
    });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) {
      throw new EngineError('NotImplemented', `no program ${program} here; install it: apt-get install ${from}`);
    }
    const { stderr = '', signal } = error as { stderr?: string; signal?: string };
    const why = stderr.trim() || (signal ? `it was ended by ${signal}` : 'it says not why');
    throw new EngineError('Unavailable', `${program} ${args.join(' ')}: ${why}`, { cause: error });
  }
}

/** Where no udev runs, as in a container, dmsetup must make the device files itself. */
function deviceFiles(): { DM_DISABLE_UDEV?: string } {
  return existsSync('/run/udev/control') ? {} : { DM_DISABLE_UDEV: '1' };
}
