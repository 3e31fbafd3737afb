/**
 * Time to first output of a container whose image is at a registry behind 20 MB/s: lazily, and after a full pull.
 * usage: node bench/lazy-start.ts [--size MB] [--rate MBPS] [--program FILE]; as root. Registry and commands share a network namespace, whose loopback is slow.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const at = (path: string): string => join(import.meta.dirname, '..', path);
const BUNDLE = at('dist/bin/strata.js');
const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '20' },
    program: { type: 'string', default: existsSync(BUNDLE) ? BUNDLE : at('src/cli/strata.ts') },
  },
});
const ENTRY = resolve(values.program);
const NAMESPACE = `strata-lazy-${process.pid}`;
/** `ip netns exec` would hide the cgroups. */
const INSIDE = ['nsenter', `--net=/run/netns/${NAMESPACE}`, process.execPath, ENTRY] as const;
const FIRST_OUTPUT = ['sh', '-c', 'cat /data/hello'];

const folder = mkdtempSync(join(tmpdir(), 'strata-lazy-start-'));
let registry: ChildProcess | undefined;
try {
  await main();
} finally {
  registry?.kill();
  execFileSync('sh', ['-c', `ip netns del ${NAMESPACE} || true`], { stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  makeTree(Number(values.size));
  execFileSync('ip', ['netns', 'add', NAMESPACE]);
  execFileSync('ip', ['-n', NAMESPACE, 'link', 'set', 'lo', 'up']);
  const ready = join(folder, 'ready');
  const [program, ...rest] = INSIDE;
  const serve = ['registry', 'serve', '--folder', join(folder, 'registry'), '--tls', 'off', '--listen'];
  const place = ['127.0.0.1:5000', '--ready-file', ready];
  registry = spawn(program, [...rest, ...serve, ...place], { stdio: ['ignore', 'ignore', 'inherit'] });
  while (!existsSync(ready)) await setTimeout(50);
  const name = '127.0.0.1:5000/app:1';
  strata('maker', 'import', join(folder, 'tree.tar'), name);
  rmSync(join(folder, 'tree.tar'));
  strata('maker', 'push', '-q', name);
  console.log(strata('maker', 'image', 'index', '--push', name).trim());
  rmSync(join(folder, 'maker'), { recursive: true });
  const rate = `${Number(values.rate) * 8}mbit`;
  const bucket = ['tbf', 'rate', rate, 'burst', '256kb', 'latency', '100ms'];
  execFileSync('ip', ['netns', 'exec', NAMESPACE, 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', ...bucket]);
  for (const state of ['lazy', 'pulled']) strata(state, 'info'); // which drivers there are is found out once a state
  const lazy = timed(() => strata('lazy', 'run', '--lazy', '--trust-index', '--rm', name, ...FIRST_OUTPUT));
  const pulled = timed(() => strata('pulled', 'run', '-q', '--rm', name, ...FIRST_OUTPUT));
  const times = (pulled / lazy).toFixed(1);
  console.log(`first output: lazy ${lazy.toFixed(2)} s, pulled ${pulled.toFixed(2)} s: ${times} times sooner`);
}

/** A root file system with a shell and so many MB that do not shrink, as one tar. */
function makeTree(megabytes: number): void {
  const tree = join(folder, 'tree');
  for (const name of ['bin', 'data']) mkdirSync(join(tree, name), { recursive: true });
  cpSync('/bin/busybox', join(tree, 'bin/busybox'));
  for (const name of ['sh', 'cat']) symlinkSync('busybox', join(tree, 'bin', name));
  const fill = `head -c ${megabytes}000000 /dev/urandom > ${tree}/data/large; echo hello > ${tree}/data/hello`;
  execFileSync('sh', ['-c', fill]);
  execFileSync('tar', ['-C', tree, '-cf', join(folder, 'tree.tar'), '.']);
  rmSync(tree, { recursive: true });
}

function strata(state: string, ...args: string[]): string {
  const [program, ...rest] = INSIDE;
  const env = { ...process.env, STRATA_ROOT: join(folder, state) };
  return execFileSync(program, [...rest, ...args], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function timed(work: () => string): number {
  const began = performance.now();
  if (work().trim() !== 'hello') throw new Error('the container did not say what it should');
  return (performance.now() - began) / 1000;
}
