import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';

/** Which folders each folder may import. Reading top to bottom is reading the architecture. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  std: [],
  linux: ['std'],
  oci: ['std'],
  compression: ['std'],
  client: ['std', 'oci'],
  tar: ['std'],
  erofs: ['std', 'tar'],
  dockerfile: ['std', 'oci'],
  fuse: ['std', 'linux'],
  layer: ['std', 'linux', 'oci', 'compression', 'tar', 'erofs'],
  union: ['std', 'linux', 'oci', 'tar', 'layer'],
  store: ['std', 'linux', 'oci', 'compression', 'layer'],
  snapshot: ['std', 'linux', 'oci', 'fuse', 'layer', 'union'],
  image: ['std', 'oci', 'compression', 'layer', 'store', 'snapshot'],
  transfer: ['std', 'oci', 'compression', 'client', 'tar', 'layer', 'store', 'image'],
  lazy: ['std', 'linux', 'oci', 'compression', 'client', 'fuse', 'layer', 'union', 'snapshot'],
  runtime: ['std', 'linux', 'oci', 'tar', 'layer', 'snapshot'],
  build: [
    'std',
    'linux',
    'oci',
    'compression',
    'tar',
    'dockerfile',
    'layer',
    'union',
    'store',
    'snapshot',
    'image',
    'runtime',
  ],
  engine: [
    'std',
    'linux',
    'oci',
    'compression',
    'client',
    'tar',
    'layer',
    'union',
    'store',
    'snapshot',
    'image',
    'transfer',
    'lazy',
    'runtime',
    'dockerfile',
    'build',
  ],
  registry: ['std', 'linux', 'oci'],
  cli: [
    'std',
    'linux',
    'oci',
    'client',
    'layer',
    'union',
    'store',
    'snapshot',
    'image',
    'transfer',
    'runtime',
    'engine',
    'registry',
  ],
};

const root = join(import.meta.dirname, '..', 'src');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .sort();

/** Static imports and re-exports, side-effect imports, `import()` and `import type`, all of relative files. */
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)'(\.[^']+)'/g;
const imports = sources.flatMap((from) =>
  [...readFileSync(join(root, from), 'utf8').matchAll(IMPORT)].map(([, to]) => ({
    from,
    to: join(dirname(from), to as string),
  })),
);

const folderOf = (file: string): string => file.split(sep)[0] as string;
const crossing = imports.filter(({ from, to }) => folderOf(from) !== folderOf(to));
const show = ({ from, to }: { from: string; to: string }): string => `${from} imports ${to}`;

test('the sources are found', () => {
  assert.ok(sources.length > 50);
  assert.ok(imports.length > sources.length);
});

test('every folder is in the table', () => {
  const folders = [...new Set(sources.map(folderOf))].sort();
  assert.deepEqual(folders, Object.keys(MAY_IMPORT).sort());
});

test('folders import only what the table allows', () => {
  assert.deepEqual(
    crossing.filter(({ from, to }) => !MAY_IMPORT[folderOf(from)]?.includes(folderOf(to))).map(show),
    [],
  );
});

test('the table has no cycles: a folder only imports rows above it', () => {
  const order = Object.keys(MAY_IMPORT);
  for (const [folder, allowed] of Object.entries(MAY_IMPORT))
    for (const above of allowed) assert.ok(order.indexOf(above) < order.indexOf(folder), `${folder} imports ${above}`);
});

test('folders are entered through their index.ts', () => {
  assert.deepEqual(crossing.filter(({ to }) => !to.endsWith(`${sep}index.ts`)).map(show), []);
});

test('no file takes part in an import cycle', () => {
  const next = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`);
    if (done.has(file)) return;
    for (const { to } of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of sources) walk(file, []);
});

test('system calls come through linux/ alone', () => {
  const users = sources.filter((file) => /['"]koffi['"]/.test(readFileSync(join(root, file), 'utf8')));
  assert.deepEqual(
    users.filter((file) => folderOf(file) !== 'linux'),
    [],
  );
});

test('every subpath that package.json exports is a folder with a door', () => {
  const { exports } = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8'));
  for (const subpath of Object.keys(exports)) {
    if (subpath === './package.json') continue;
    assert.ok(
      existsSync(join(root, subpath, 'index.ts')),
      `${subpath} has no ${relative(root, join(root, subpath, 'index.ts'))}`,
    );
  }
});

test('layers are read by our own tar alone', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8'));
  const foreign = Object.keys(dependencies).filter((name) => /(^|[/-])tar($|-)/.test(name));
  assert.deepEqual(foreign, []);
});
