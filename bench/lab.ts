import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Kept between runs: inputs that take minutes to make. */
export const CACHE: string = join(import.meta.dirname, '../.cache/bench');

/** Where a bench works: a fresh ext4 in a loop file (an old root file system makes inode allocation slow for everyone), and a neutral registry. */
export interface Lab extends AsyncDisposable {
  readonly folder: string;
  /** `127.0.0.1:PORT` of Debian's docker-registry, plain HTTP. */
  readonly registry: string;
}

export async function openLab(gigabytes = 40): Promise<Lab> {
  const folder = '/tmp/overstrata-bench';
  if (existsSync(join(folder, 'lost+found'))) execFileSync('umount', ['--lazy', folder]);
  mkdirSync(folder, { recursive: true });
  mkdirSync(CACHE, { recursive: true });
  const image = join(CACHE, 'lab.ext4');
  rmSync(image, { force: true });
  execFileSync('truncate', ['--size', `${gigabytes}G`, image]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', '-i', '8192', image]);
  execFileSync('mount', ['-o', 'loop,noatime', image, folder]);
  const { address, server } = await startRegistry(join(folder, 'registry'));
  return {
    folder,
    registry: address,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
      execFileSync('sh', ['-c', 'umount "$1" || umount --lazy "$1"; rm -f "$2"', 'sh', folder, image], {
        stdio: 'ignore',
      });
    },
  };
}

async function startRegistry(folder: string): Promise<{ address: string; server: ChildProcess }> {
  mkdirSync(folder, { recursive: true });
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}, cache: {blobdescriptor: inmemory}}\nhttp: {addr: "${address}"}\n`,
  );
  const server = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
    if (answer?.ok) return { address, server };
    await sleep(50);
  }
  throw new Error('docker-registry did not start');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Writes everything out and forgets what is cached, so that no subject pays for another's writes. */
export function settle(): void {
  execFileSync('sync');
}
