import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { EngineError, isErrno } from '../std/index.ts';

/** bzip2 and xz: rare enough that the host's own program does them. */
export interface HostProgram {
  readonly name: string;
  readonly debianPackage: string;
  readonly args: readonly string[];
}

export const BZIP2: HostProgram = { name: 'bzip2', debianPackage: 'bzip2', args: ['-dc'] };
export const XZ: HostProgram = { name: 'xz', debianPackage: 'xz-utils', args: ['-dc', '--memlimit-decompress=256MiB'] };

/** Root's folders alone: PATH may lead into an image or a home (moby's CVE on decompressors found inside containers). */
const FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin'];
const STDERR_LIMIT = 4096;

/** What `program` makes of `source`. Unavailable where it is not installed, DataLoss where it fails. */
export async function* throughProgram(
  program: HostProgram,
  source: AsyncIterable<Uint8Array>,
  folders: readonly string[] = FOLDERS,
): AsyncGenerator<Buffer, void> {
  const path = folders.map((folder) => `${folder}/${program.name}`).find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new EngineError(
      'Unavailable',
      `${program.name} is needed to read this and is not installed; install it: apt-get install ${program.debianPackage}`,
    );
  }
  const child = spawn(path, program.args, { cwd: '/', env: { LC_ALL: 'C' }, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  closed.catch(() => {}); // thrown below
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < STDERR_LIMIT) complaint += chunk.toString('utf8');
  });
  child.stdin.on('error', () => {}); // it stopped reading: its exit status says why
  let feedError: unknown;
  const feeding = feed(source, child.stdin).catch((error: unknown) => {
    feedError = error;
    child.kill('SIGKILL');
  });
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code] = (await closed) as [number | null];
    await feeding;
    if (feedError !== undefined) throw feedError;
    if (code !== 0) {
      const why = complaint.trim().slice(0, STDERR_LIMIT) || `it ended with ${code}`;
      throw new EngineError('DataLoss', `${program.name} could not decompress: ${why}`);
    }
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
    child.stdin.destroy();
    await closed.catch(() => {});
  }
}

async function feed(
  source: AsyncIterable<Uint8Array>,
  stdin: NodeJS.WritableStream & { destroyed?: boolean },
): Promise<void> {
  for await (const chunk of source) {
    if (stdin.destroyed) return;
    try {
      if (!stdin.write(chunk)) await once(stdin, 'drain');
    } catch (error) {
      if (isErrno(error, 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE')) return;
      throw error;
    }
  }
  stdin.end();
}
