/**
 * Measures strata beside whatever real peers are installed, in interleaved rounds.
 * usage: npm run bench -- --help
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCHES, type Bench } from './benches.ts';
import { type InputName, provide } from './inputs.ts';
import { type Lab, openLab, settle } from './lab.ts';
import { beginCleaning, type Sample, stopOnSignals } from './measure.ts';
import { benchMerge } from './merge.ts';
import { type Row, report } from './report.ts';
import { containerd } from './subjects/containerd.ts';
import { dockerd } from './subjects/dockerd.ts';
import { podman } from './subjects/podman.ts';
import { strata } from './subjects/strata.ts';
import type { Subject } from './subjects/subject.ts';
import { benchUnions, UNION_BENCHES } from './unions.ts';

const USAGE = `usage: npm run bench -- [NAME…] [--rounds N] [--json FILE] [--subject NAME]… [--drivers NAME,…]

  NAME              ${BENCHES.map(({ name }) => name).join(', ')};
                    all of them by default; merge alone measures a function in this process;
                    ${UNION_BENCHES.map(({ name }) => name).join(', ')}, or fuse for all of these,
                    alone measure mounts beside the kernel's overlayfs and fuse-overlayfs
  --rounds N        rounds, interleaved among the subjects (default 5)
  --json FILE       write the rows there too
  --subject NAME    measure only strata, strata-DRIVER, dockerd, containerd or podman; may be repeated
  --drivers NAME,…  measure strata on these storage drivers too, as strata-overlay, strata-vfs, …`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    drivers: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    subject: { type: 'string', multiple: true },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const rounds = Math.max(1, Number(values.rounds));
if (positionals.length === 1 && positionals[0] === 'merge') {
  benchMerge(rounds);
  process.exit();
}
if (positionals.length > 0 && positionals.every((name) => name.startsWith('fuse'))) {
  const rows = await benchUnions(positionals, rounds);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  process.exit();
}
const chosen = positionals.length === 0 ? BENCHES : positionals.map(requireBench);
const rows: Row[] = [];
const provided = new Map<InputName, Promise<string>>();

stopOnSignals();
await using lab = await openLab();
const asked = values.drivers.split(',').filter((name) => name !== '');
const drivers = new Set([...asked, ...(values.subject ?? []).flatMap((name) => /^strata-(.+)$/.exec(name)?.[1] ?? [])]);
const wanted = values.subject && new Set([...values.subject, ...asked.map((name) => `strata-${name}`)]);
const subjects = [strata(), ...[...drivers].map(strata), dockerd(lab.registry), containerd(), podman()]
  .filter((subject): subject is Subject => subject !== undefined)
  .filter(({ name }) => !wanted || wanted.has(name));
await using stack = new AsyncDisposableStack();
for (const subject of subjects) {
  const folder = join(lab.folder, subject.name);
  mkdirSync(folder, { recursive: true });
  stack.defer(() => subject.stop());
  await subject.start(folder);
}
stack.defer(beginCleaning);
for (const bench of chosen) await measureBench(bench, lab);
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);

async function measureBench(bench: Bench, lab: Lab): Promise<void> {
  const providing = provided.get(bench.input) ?? provide(lab, bench.input);
  provided.set(bench.input, providing);
  const image = await providing;
  const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      settle();
      const sample = await bench.round({ subject, folder: join(lab.folder, subject.name), lab, image, round });
      if (sample) samples.get(subject)?.push(sample);
    }
  }
  rows.push(...report(bench, rounds, samples));
}

function requireBench(name: string): Bench {
  const found = BENCHES.find((bench) => bench.name === name);
  if (!found) throw new Error(`no bench ${name}; there are ${BENCHES.map((bench) => bench.name).join(', ')}`);
  return found;
}
