import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unmountBelow } from './contracts/unmount-below.ts';

export const ENTRY: string = join(import.meta.dirname, '../src/cli/strata.ts');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as its user has it, with a state folder of its own that goes with it. */
export class Strata implements AsyncDisposable {
  readonly folder: string;
  readonly env: Record<string, string>;

  constructor(prefix = 'strata-test-') {
    this.folder = mkdtempSync(join(tmpdir(), prefix));
    this.env = { STRATA_ROOT: join(this.folder, 'state'), DOCKER_CONFIG: join(this.folder, 'docker'), NO_COLOR: '1' };
  }

  /** Starts the program; the caller waits or kills. It leads a process group of its own. */
  start(args: readonly string[], { stdin = 'ignore' }: { stdin?: 'ignore' | 'pipe' } = {}): ChildProcess {
    return spawn(process.execPath, [ENTRY, ...args], {
      env: { ...process.env, ...this.env },
      stdio: [stdin, 'pipe', 'pipe'],
      detached: true,
    });
  }

  /** Runs the program to its end. */
  async try(args: readonly string[], { input }: { input?: string | Buffer } = {}): Promise<Outcome> {
    const child = this.start(args, { stdin: input === undefined ? 'ignore' : 'pipe' });
    if (input !== undefined) child.stdin?.end(input);
    return outcomeOf(child);
  }

  /** Runs the program; what it printed, or an error that shows all of it. */
  async run(...args: string[]): Promise<string> {
    const { code, signal, stdout, stderr } = await this.try(args);
    if (code !== 0) throw new Error(`strata ${args.join(' ')} ended with ${code ?? signal}\n${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.try(['rm', '--force', '--all']);
    for (const folder of [this.folder, this.env['STRATA_ROOT'] as string]) unmountBelow(folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits for a started program and gathers what it says. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
  return { code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** A tar of a small root file system: Debian's static busybox under its usual names. Undefined where busybox is not installed. */
export function busyboxTar(folder: string): string | undefined {
  let busybox: string;
  try {
    busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
  const tree = join(folder, 'busybox-rootfs');
  for (const name of ['bin', 'etc', 'root', 'tmp', 'usr/bin']) mkdirSync(join(tree, name), { recursive: true });
  execFileSync('cp', [busybox, join(tree, 'bin/busybox')]);
  const names = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of names) if (name !== 'busybox') symlinkSync('busybox', join(tree, 'bin', name));
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  const tar = join(folder, 'busybox.tar');
  execFileSync('tar', ['-C', tree, '--numeric-owner', '--owner=0', '--group=0', '-cf', tar, '.']);
  rmSync(tree, { recursive: true, force: true });
  return tar;
}
