import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEBIAN_TAR } from './inputs.ts';
import { openLab, settle } from './lab.ts';
import { measure, run, type Sample, type Step, stopOnSignals } from './measure.ts';
import { type Row, report } from './report.ts';
import { versionOf } from './subjects/installed.ts';

/** A way to unite directories under one tree that can be written. */
interface Uniter {
  readonly name: string;
  readonly version: string;
  mount(union: { lowers: readonly string[]; upper: string; work: string; target: string }): Step;
  /** Tells its server among the commands of this machine. */
  isServer?(command: readonly string[]): boolean;
}

interface UnionBench {
  readonly name: string;
  readonly what: string;
  /** Not measured: what has come before. */
  readonly before?: (target: string) => Step;
  readonly step: (target: string) => Step;
}

const shell = (script: string): Step => ({ argv: ['sh', '-c', script] });
const FIND = (target: string): Step => shell(`find ${target} -xdev | wc -l`);
const STAT = (target: string): Step => shell(`find ${target} -xdev -printf '%s %u %m\\n' | wc -l`);
const TAR = (target: string): Step => shell(`tar -C ${target} --exclude=./data -cf - . | wc -c`);

const CREATE = 'i=0; while [ $i -lt 5000 ]; do echo "file $i" > file-$i; i=$((i+1)); done';

export const UNION_BENCHES: readonly UnionBench[] = [
  { name: 'fuse-find', what: 'find through a Debian base, mounted just now', step: FIND },
  { name: 'fuse-find-again', what: 'the same, once more', before: FIND, step: FIND },
  { name: 'fuse-stat', what: 'find with the attributes of every name, mounted just now', step: STAT },
  { name: 'fuse-tar', what: 'tar of a Debian base, mounted just now', step: TAR },
  { name: 'fuse-tar-again', what: 'the same, once more', before: TAR, step: TAR },
  {
    name: 'fuse-create',
    what: 'creating 5,000 files with a line in each',
    step: (target) => shell(`mkdir ${target}/made && cd ${target}/made && ${CREATE}`),
  },
  {
    name: 'fuse-extract',
    what: 'extracting 5,000 files by tar, which sets owner, mode and time of each',
    step: (target) =>
      shell(`mkdir ${target}/made && tar -C ${target}/made -xf ${join(target, '..', '..', 'many.tar')}`),
  },
  {
    name: 'fuse-read',
    what: 'reading a file of 512 MB, cached by the kernel below',
    step: (target) => shell(`dd if=${target}/data/file of=/dev/null bs=1M status=none`),
  },
];

const uniters: readonly (Uniter | undefined)[] = [strata(), overlayfs(), fuseOverlayfs()];

/** Measures the benches of these names, `fuse` standing for all, on every way that is installed. */
export async function benchUnions(names: readonly string[], rounds: number): Promise<Row[]> {
  stopOnSignals();
  await using lab = await openLab();
  const bottom = join(lab.folder, 'bottom');
  const top = join(lab.folder, 'top');
  makeLayers(lab.folder, { bottom, top });
  const present = uniters.filter((uniter) => uniter !== undefined);
  const rows: Row[] = [];
  for (const bench of UNION_BENCHES.filter(({ name }) => names.includes('fuse') || names.includes(name))) {
    const samples = new Map<Uniter, Sample[]>(present.map((uniter) => [uniter, []]));
    for (let round = 0; round < rounds; round++) {
      for (const uniter of present) {
        const folder = join(lab.folder, uniter.name);
        samples.get(uniter)?.push(await measureOn(uniter, bench, { folder, lowers: [top, bottom] }));
      }
    }
    rows.push(...report(bench, rounds, samples));
  }
  return rows;
}

async function measureOn(
  uniter: Uniter,
  bench: UnionBench,
  { folder, lowers }: { folder: string; lowers: readonly string[] },
): Promise<Sample> {
  const [upper, work, target] = ['upper', 'work', 'merged'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [upper, work, target]) mkdirSync(path, { recursive: true });
  settle();
  await run(uniter.mount({ lowers, upper, work, target }));
  try {
    readdirSync(target); // its server is up
    if (bench.before) await run(bench.before(target));
    return await measure(bench.step(target), serversOf(uniter));
  } finally {
    await run({ argv: ['umount', target] });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A Debian base below, a large file above it, and a tar of what is to be created. */
function makeLayers(folder: string, { bottom, top }: { bottom: string; top: string }): void {
  if (!existsSync(DEBIAN_TAR)) throw new Error(`${DEBIAN_TAR} is missing: run \`npm run bench -- pull-debian\` first`);
  mkdirSync(bottom);
  mkdirSync(join(top, 'data'), { recursive: true });
  execFileSync('tar', ['-C', bottom, '-xf', DEBIAN_TAR]);
  execFileSync('sh', ['-c', `head -c 536870912 /dev/zero > ${top}/data/file`]);
  const many = join(folder, 'many');
  mkdirSync(many);
  execFileSync('sh', ['-c', CREATE], { cwd: many });
  execFileSync('tar', ['-C', many, '-cf', join(folder, 'many.tar'), '.']);
}

function serversOf({ isServer }: Uniter): number[] {
  if (!isServer) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return isServer(readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0'));
      } catch {
        return false; // it ended meanwhile
      }
    });
}

function strata(): Uniter {
  const root = join(import.meta.dirname, '..');
  return {
    name: 'strata',
    version: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
    mount: ({ lowers, upper, work, target }) => ({
      argv: [
        join(root, 'bin/strata'),
        'union',
        'mount',
        '--driver',
        'fuse',
        '--upper',
        upper,
        '--work',
        work,
        ...lowers,
        target,
      ],
    }),
    isServer: ([command = '']) => command.startsWith('strata fuse /tmp/overstrata-bench/'),
  };
}

function overlayfs(): Uniter {
  return {
    name: 'overlayfs',
    version: execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim(),
    mount: ({ lowers, upper, work, target }) => ({
      argv: [
        'mount',
        '-t',
        'overlay',
        'overlay',
        '-o',
        `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work},index=off,metacopy=off,redirect_dir=off`,
        target,
      ],
    }),
  };
}

function fuseOverlayfs(): Uniter | undefined {
  const version = versionOf('fuse-overlayfs', ['--version']);
  if (version === undefined) return undefined;
  return {
    name: 'fuse-overlayfs',
    version,
    mount: ({ lowers, upper, work, target }) => ({
      argv: ['fuse-overlayfs', '-o', `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`, target],
    }),
    isServer: ([program]) => program === 'fuse-overlayfs',
  };
}
