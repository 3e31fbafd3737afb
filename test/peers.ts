import { execFile, spawnSync } from 'node:child_process';

const isRoot = process.getuid?.() === 0;
const isInstalled = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Why a test that uses these programs as root is skipped; false where it can run. */
export function needs(...programs: string[]): string | false {
  if (!isRoot) return 'needs root';
  const missing = programs.filter((program) => !isInstalled(program));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : false;
}

/** Runs a program that nobody here wrote, while a registry goes on answering in this process; what it printed. */
export function runPeer(program: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}
