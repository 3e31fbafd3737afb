import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { lockFile } from '../../src/linux/index.ts';

const CACHE = join(import.meta.dirname, '../../.cache/vm');

/** An unpacked kernel package of the distribution. */
export interface Kernel {
  readonly image: string;
  /** Its `lib/modules/VERSION`. */
  readonly modules: string;
}

/** Debian's own kernel, from its package: downloaded once, unpacked, never installed. Throws where there is no apt or no network. */
export async function debianKernel(): Promise<Kernel> {
  mkdirSync(CACHE, { recursive: true });
  using _ = await lockFile(join(CACHE, 'lock'), { timeout: 120_000 });
  const [found] = globSync(join(CACHE, 'linux-image-*'));
  return kernelIn(found ?? fetchKernel());
}

function fetchKernel(): string {
  const depends = execFileSync('apt-cache', ['depends', 'linux-image-amd64'], { encoding: 'utf8' });
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error('apt knows no linux-image-amd64: apt-get update');
  const work = mkdtempSync(join(CACHE, 'new-'));
  try {
    execFileSync('apt-get', ['download', '-qq', name], { cwd: work, stdio: 'ignore', timeout: 110_000 });
    const [deb] = globSync(join(work, '*.deb'));
    if (deb === undefined) throw new Error(`apt-get download ${name} brought nothing`);
    execFileSync('dpkg-deb', ['-x', deb, join(work, 'tree')], { timeout: 60_000 });
    renameSync(join(work, 'tree'), join(CACHE, name));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return join(CACHE, name);
}

function kernelIn(tree: string): Kernel {
  const version = basename(tree).replace('linux-image-', '');
  const image = join(tree, 'boot', `vmlinuz-${version}`);
  if (!existsSync(image)) throw new Error(`${tree} holds no kernel; remove it to download it again`);
  return { image, modules: join(tree, 'lib/modules', version) };
}
