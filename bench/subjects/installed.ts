import { spawnSync } from 'node:child_process';

/** The version that a program prints, or undefined where it is not installed. */
export function versionOf(program: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return /\d+\.\d+(?:\.\d+)?[^\s,]*/.exec(stdout)?.[0] ?? stdout.trim();
}
