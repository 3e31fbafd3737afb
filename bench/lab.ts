import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Daemon, startDaemon } from './daemon.ts';

/** Kept between runs: inputs that take minutes to make. */
export const CACHE: string = join(import.meta.dirname, '../.cache/bench');

/** Where a bench works: a fresh ext4 in a loop file (an old root file system makes inode allocation slow for everyone), and a neutral registry. */
export interface Lab extends AsyncDisposable {
  readonly folder: string;
  /** `127.0.0.1:PORT` of Debian's docker-registry, plain HTTP. */
  readonly registry: string;
  /** Another registry, empty and at a port of its own: no subject remembers what it may have of old. */
  emptyRegistry(): Promise<{ readonly address: string } & AsyncDisposable>;
}

export async function openLab(gigabytes = 40): Promise<Lab> {
  const folder = '/tmp/overstrata-bench';
  const image = join(CACHE, 'lab.ext4');
  takeDown(folder, image); // what a run that was killed has left
  mkdirSync(folder, { recursive: true });
  mkdirSync(CACHE, { recursive: true });
  execFileSync('truncate', ['--size', `${gigabytes}G`, image]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', '-i', '8192', image]);
  execFileSync('mount', ['-o', 'loop,noatime', image, folder]);
  // As a disk would: else what goes past the lab's page cache is kept in that of the file below it.
  const device = execFileSync('findmnt', ['--noheadings', '--output', 'SOURCE', folder], { encoding: 'utf8' }).trim();
  spawnSync('losetup', ['--direct-io=on', device]);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => takeDown(folder, image));
  const { address, server } = await startRegistry(join(folder, 'registry'));
  undo.defer(() => server.stop());
  const held = undo.move();
  return {
    folder,
    registry: address,
    async emptyRegistry() {
      const place = join(folder, 'empty-registry');
      const { address, server } = await startRegistry(place);
      return {
        address,
        async [Symbol.asyncDispose]() {
          await server.stop();
          rmSync(place, { recursive: true });
        },
      };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function takeDown(folder: string, image: string): void {
  for (const mount of mountsBelow(folder)) {
    if (spawnSync('umount', [mount]).status !== 0) spawnSync('umount', ['--lazy', mount]);
  }
  rmSync(image, { force: true });
  if (existsSync(folder)) rmSync(folder, { recursive: true });
}

/** Mount points at and below `folder`, the innermost first. */
function mountsBelow(folder: string): string[] {
  const listed = spawnSync('findmnt', ['--list', '--noheadings', '--output', 'TARGET'], { encoding: 'utf8' }).stdout;
  return listed
    .split('\n')
    .map((line) => line.trim())
    .filter((target) => target === folder || target.startsWith(`${folder}/`))
    .reverse();
}

async function startRegistry(folder: string): Promise<{ address: string; server: Daemon }> {
  mkdirSync(folder, { recursive: true });
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}, cache: {blobdescriptor: inmemory}}\nhttp: {addr: "${address}"}\n`,
  );
  const server = startDaemon(['docker-registry', 'serve', config]);
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
    if (answer?.ok) return { address, server };
    await sleep(50);
  }
  await server.stop();
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

/** Writes everything out, so that no subject pays for another's writes. */
export function settle(): void {
  execFileSync('sync');
}

/** Mebibytes that a folder takes. */
export function diskUse(folder: string): number {
  const { stdout } = spawnSync('du', ['--summarize', '--one-file-system', '--block-size=1', folder], {
    encoding: 'utf8',
  });
  return Number.parseInt(stdout, 10) / 2 ** 20; // what vanishes meanwhile is no failure
}
