import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { build, type Engine, load, openEngine, tag } from '../../src/engine/index.ts';
import type { Image } from '../../src/image/index.ts';
import { EngineError } from '../../src/std/index.ts';
import { unmountBelow } from '../contracts/unmount-below.ts';
import { type FlatEntry, flatten } from '../fixtures/flat-image.ts';

const CASES = '/work/shared/cases';

interface Peer {
  readonly ok: boolean;
  readonly entries?: Readonly<Record<string, FlatEntry>>;
  readonly config?: Readonly<Record<string, unknown>>;
}
interface Case {
  readonly name: string;
  readonly context: string;
  readonly dockerfile: string;
  readonly dockerfileText: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly expected: Readonly<Record<string, Peer>>;
  readonly unstable?: readonly string[];
}

const missing = !existsSync(join(CASES, 'dockerfiles'))
  ? 'the shared cases are not here'
  : process.getuid?.() !== 0
    ? 'RUN needs root'
    : false;
/** Only these, to look at one: `CASES=bk-testCopyChmod-0`. */
const only = process.env['CASES']?.split(',');

/** What is known to differ, and why that is right. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ['bk-testInvalidJSONCommands-0', 'what follows a JSON array makes it a shell line, as in BuildKit since then'],
  ['bk-testInvalidJSONCommands-1', 'what follows a JSON array makes it a shell line, as in BuildKit since then'],
  ['bk-testMountTmpfsSize-0', 'a tmpfs is mounted nodev, too'],
  ['bk-testRunDefaultNetwork-0', 'RUN has no network unless it is given one'],
  ['bk-testRunSecuritySandbox-0', 'the flag is known, as in BuildKit since then'],
  ['bk-testRunShebangHeredoc-0', 'it builds, as it does in BuildKit with another busybox'],
  ['bk-testTargetStageNameArg-0', 'TARGETSTAGE is known, as in BuildKit since then'],
]);

test("Dockerfiles build what docker's builders built of them", { skip: missing, timeout: 600_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-cases-'));
  t.after(() => {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const engine = await openEngine({ root: join(folder, 'root') });
  t.after(() => engine[Symbol.asyncDispose]());
  const bases = join(folder, 'bases.tar');
  writeFileSync(bases, gunzipSync(readFileSync(join(CASES, 'base-images.tar.gz'))));
  await load(engine, bases).result;
  await tag(engine, 'busybox:latest', 'busybox:1.31');
  let passed = 0;
  const names = readdirSync(join(CASES, 'dockerfiles')).filter((name) => name.endsWith('.json'));
  for (const file of names) {
    const one = JSON.parse(readFileSync(join(CASES, 'dockerfiles', file), 'utf8')) as Case;
    if (only && !only.includes(one.name)) continue;
    await t.test(one.name, { todo: DIFFERENT.get(one.name) ?? false }, async () => {
      await check(engine, one, join(folder, 'context'));
      passed++;
    });
  }
  t.diagnostic(`${passed} of ${names.length} cases hold`);
});

async function check(engine: Engine, one: Case, context: string): Promise<void> {
  rmSync(context, { recursive: true, force: true });
  mkdirSync(context);
  execFileSync('tar', ['-xzf', join(CASES, 'dockerfiles/contexts', one.context), '-C', context]);
  const file = join(context, one.dockerfile);
  mkdirSync(dirname(file), { recursive: true });
  // The modes that those who wrote the cases gave it; the archives of contexts do not have it.
  writeFileSync(file, one.dockerfileText);
  chmodSync(file, one.name.startsWith('bk-') ? 0o600 : 0o664);
  const peers = Object.values(one.expected);
  const built = peers.filter(({ ok }) => ok);
  let image: Image;
  try {
    const job = build(engine, context, { file, buildArgs: new Map(Object.entries(one.buildArgs)) });
    ({ image } = await job.result);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (built.length < peers.length) return; // a peer refuses it, too
    throw error;
  }
  // Docker can't flatten an image without layers, so that there is nothing to compare with.
  if (built.length === 0 && image.manifest.layers.length === 0) return;
  assert.ok(built.length > 0, 'it builds, and no peer built it');
  await compareFiles(engine, image, built, new Set(one.unstable));
  compareConfig(image, built);
}

async function compareFiles(
  engine: Engine,
  image: Image,
  peers: readonly Peer[],
  unstable: ReadonlySet<string>,
): Promise<void> {
  const found = await flatten(engine.store, image);
  const paths = new Set([...found.keys(), ...peers.flatMap(({ entries = {} }) => Object.keys(entries))]);
  const wrong: string[] = [];
  for (const path of paths) {
    if (
      unstable.has(path) ||
      /^(?:etc\/(?:hosts|hostname|resolv\.conf)|\.dockerenv|(?:dev|proc|sys)(?:\/.*)?)$/.test(path)
    )
      continue;
    const [first, ...others] = peers.map(({ entries = {} }) => JSON.stringify(shapeOf(entries[path])));
    if (others.some((other) => other !== first)) continue; // they do not agree
    const ours = JSON.stringify(shapeOf(found.get(path)));
    if (ours !== first) wrong.push(`${path}: ${ours}, not ${first}`);
  }
  assert.deepEqual(wrong, []);
}

function shapeOf(entry: FlatEntry | undefined): unknown {
  if (!entry) return null;
  const { t, mode, uid, gid, size, sha256, link } = entry;
  return [t, t === 'l' ? 0 : mode.toString(8), uid, gid, size ?? null, sha256 ?? null, link ?? null];
}

function compareConfig(image: Image, peers: readonly Peer[]): void {
  const ours: Record<string, unknown> = {
    ...image.config.config,
    architecture: image.config.architecture,
    os: image.config.os,
  };
  const names = new Set([...Object.keys(ours), ...peers.flatMap(({ config = {} }) => Object.keys(config))]);
  const wrong = [...names].filter((name) => !peers.some(({ config = {} }) => same(name, config[name], ours[name])));
  assert.deepEqual(
    wrong.map(
      (name) =>
        `${name}: ${JSON.stringify(ours[name])}, not ${JSON.stringify(peers.map(({ config }) => config?.[name]))}`,
    ),
    [],
  );
}

/** Nothing and what is empty mean the same, and so does the root as a working directory. */
function same(name: string, a: unknown, b: unknown): boolean {
  const meaning = (value: unknown): string =>
    JSON.stringify(plain(name === 'WorkingDir' && value === '/' ? '' : value));
  return meaning(a) === meaning(b);
}

function plain(value: unknown): unknown {
  if (value === null || value === undefined || value === '') return null;
  if (Array.isArray(value)) return value.length === 0 ? null : value;
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? null : entries;
}
