/**
 * How much memory 20 containers of one image take that all read the same 100 MB file: caches of all files counted, the backing ones too.
 * usage: node bench/page-cache.ts [DRIVER…]   (root; drops the machine's page cache)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopOnSignals } from './measure.ts';
import { strata } from './subjects/strata.ts';

const CONTAINERS = 20;
const FILE = 100_000_000;

stopOnSignals();
const drivers = process.argv.length > 2 ? process.argv.slice(2) : ['erofs', 'overlay'];
const folder = mkdtempSync('/var/tmp/strata-page-cache-');
try {
  const tar = makeTar();
  for (const driver of drivers) await measureDriver(driver, tar);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function makeTar(): string {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'bin'), { recursive: true });
  execFileSync('sh', [
    '-c',
    `cp "$(command -v busybox)" ${tree}/bin/busybox; head -c ${FILE} /dev/urandom > ${tree}/file`,
  ]);
  const tar = join(folder, 'image.tar');
  execFileSync('tar', ['-C', tree, '-cf', tar, '.']);
  return tar;
}

async function measureDriver(driver: string, tar: string): Promise<void> {
  const root = join(folder, driver);
  mkdirSync(root);
  const { argv, env } = (strata(driver).images as () => { argv: readonly string[]; env?: object })();
  const run = (...args: string[]): string =>
    execFileSync(argv[0] as string, args, {
      encoding: 'utf8',
      env: { ...process.env, ...env, STRATA_ROOT: root, STRATA_DRIVER: driver },
    });
  try {
    run('import', tar, 'page-cache:1');
    run('run', '--rm', '--network', 'none', 'page-cache:1', '/bin/busybox', 'true'); // what is done once for an image
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    const names = Array.from({ length: CONTAINERS }, (_, index) => `reader-${index}`);
    for (const name of names)
      run('run', '-d', '--network', 'none', '--name', name, 'page-cache:1', '/bin/busybox', 'sleep', '1000');
    await sleep(500);
    const before = cached();
    const grown: number[] = [];
    for (const name of names) {
      run('exec', name, '/bin/busybox', 'sh', '-c', 'cat /file > /dev/null');
      grown.push(cached() - before);
    }
    const [first, all] = [grown[0] as number, grown.at(-1) as number];
    console.log(
      `page-cache ${driver.padEnd(8)} one of ${CONTAINERS} containers has read ${FILE / 1e6} MB: ${first.toFixed(0)} MB more are cached; all: ${all.toFixed(0)} MB`,
    );
  } finally {
    spawnSync(argv[0] as string, ['rm', '--force', '--all'], { env: { ...process.env, STRATA_ROOT: root } });
    spawnSync(argv[0] as string, ['rmi', '--force', 'page-cache:1'], { env: { ...process.env, STRATA_ROOT: root } });
  }
}

/** Megabytes of page cache, block devices' included. */
function cached(): number {
  const table = readFileSync('/proc/meminfo', 'utf8');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(table)?.[1]) / 1000;
  return of('Cached') + of('Buffers');
}
