// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles look like it
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { unmountBelow } from '../../test/contracts/unmount-below.ts';
import { flatten } from '../../test/fixtures/flat-image.ts';
import { busyboxTar } from '../../test/strata.ts';
import { DockerfileError } from '../dockerfile/index.ts';
import { type Image, readImage } from '../image/index.ts';
import { EngineError } from '../std/index.ts';
import { type BuildProgress, type BuildSettings, build, checkBuild } from './build.ts';
import { buildCacheUsage, buildHistory, pruneBuildCache } from './build-cache.ts';
import { type Engine, openEngine } from './engine.ts';
import { importImage } from './import-image.ts';
import { pruneImages } from './prune-images.ts';

const needsRoot = process.getuid?.() === 0 ? false : 'RUN needs root';

const needsGit = spawnSync('git', ['--version']).status === 0 ? false : 'not installed: git';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An engine of its own, and folders that go with the test. */
class Yard {
  readonly folder: string;
  readonly engine: Engine;

  private constructor(folder: string, engine: Engine) {
    this.folder = folder;
    this.engine = engine;
  }

  static async open(t: TestContext): Promise<Yard> {
    const folder = mkdtempSync(join(tmpdir(), 'strata-build-'));
    const engine = await openEngine({ root: join(folder, 'state') });
    t.after(async () => {
      await engine[Symbol.asyncDispose]();
      unmountBelow(folder);
      rmSync(folder, { recursive: true, force: true });
    });
    return new Yard(folder, engine);
  }

  /** A folder with these files. */
  context(files: Readonly<Record<string, string | Buffer>>, name = 'context'): string {
    const context = join(this.folder, name);
    rmSync(context, { recursive: true, force: true });
    mkdirSync(context);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      writeFileSync(join(context, path), content);
    }
    return context;
  }

  async build(
    context: string,
    settings: BuildSettings = {},
  ): Promise<{ image: Image; events: BuildProgress[]; made: string[] }> {
    const job = build(this.engine, context, settings);
    const events: BuildProgress[] = [];
    for await (const event of job) events.push(event);
    const { image } = await job.result;
    const made = events.flatMap((event) => (event.kind === 'done' && !event.cached ? [event.id] : []));
    return { image, events, made };
  }

  async paths(image: Image): Promise<string[]> {
    return [...(await flatten(this.engine.store, image)).keys()].sort();
  }

  async digest(image: Image, path: string): Promise<string | undefined> {
    return (await flatten(this.engine.store, image)).get(path)?.sha256;
  }

  async base(): Promise<void> {
    await importImage(this.engine, busyboxTar(this.folder) as string, { name: 'base:1' }).result;
  }
}

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

const COPIES = 'FROM scratch\nCOPY a /a/\nCOPY b /b\nWORKDIR /w\nENV A=1\n';

test('what did not change is not made again: renamed, copied, touched, it hits', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: COPIES, 'a/x': '1', 'a/y': '2', b: '3' });
  const first = await yard.build(context);
  assert.deepEqual(first.made, ['0/1', '0/2', '0/3']);
  assert.equal((await yard.build(context)).image.id, first.image.id);
  const renamed = join(yard.folder, 'elsewhere');
  renameSync(context, renamed);
  assert.deepEqual((await yard.build(renamed)).made, []);
  const copied = join(yard.folder, 'copied');
  cpSync(renamed, copied, { recursive: true });
  utimesSync(join(copied, 'a/x'), 1, 1);
  const again = await yard.build(copied);
  assert.deepEqual([again.made, again.image.id], [[], first.image.id]);
});

test('one byte changed: the steps that read it are made, and what stands on them, and it is told which file', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: COPIES, 'a/x': '1', 'a/y': '2', b: '3' });
  await yard.build(context);
  writeFileSync(join(context, 'b'), '4');
  const { made, events } = await yard.build(context);
  assert.deepEqual(made, ['0/2', '0/3']);
  const why = events.flatMap((event) => (event.kind === 'done' && event.why !== undefined ? [event.why] : []));
  assert.match(why[0] ?? '', /^b changed: content .* is now /);
  assert.match(why[1] ?? '', /a step before it changed/);
  assert.equal(buildHistory(yard.engine)[0]?.steps.length, 3);
});

test('a step that is linked does not depend on what is below it', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: 'FROM scratch\nCOPY a /a\nCOPY --link b /deep/b\n', a: '1', b: '2' });
  await yard.build(context);
  writeFileSync(join(context, 'a'), 'other');
  assert.deepEqual((await yard.build(context)).made, ['0/1']);
});

test('a digest is remembered, and a file that is replaced with its old times is seen', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'one' });
  utimesSync(join(context, 'a'), 1000, 1000);
  await sleep(150); // what has just changed is not remembered
  await yard.build(context);
  await yard.build(context);
  writeFileSync(join(context, 'a'), 'two');
  utimesSync(join(context, 'a'), 1000, 1000);
  const { image, made } = await yard.build(context);
  assert.deepEqual(made, ['0/1']);
  assert.equal(await yard.digest(image, 'a'), sha('two'));
});

test('.dockerignore leaves out, also the one beside another Dockerfile', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({
    Dockerfile: 'FROM scratch\nCOPY . /c/\n',
    'other.Dockerfile': 'FROM scratch\nCOPY . /c/\n',
    '.dockerignore': '**/*.log\nsecret\n!secret/keep\nDockerfile\n*.Dockerfile*\n.dockerignore\n',
    'other.Dockerfile.dockerignore': '*\n!a\n',
    a: '1',
    'x/y.log': '2',
    'secret/no': '3',
    'secret/keep': '4',
  });
  const { image } = await yard.build(context);
  assert.deepEqual(await yard.paths(image), ['c', 'c/a', 'c/secret', 'c/secret/keep', 'c/x']);
  const other = await yard.build(context, { file: join(context, 'other.Dockerfile') });
  assert.deepEqual(await yard.paths(other.image), ['c', 'c/a']);
});

test('heredocs become files, with variables where nothing is quoted', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({
    Dockerfile: 'FROM scratch\nARG who=me\nCOPY <<one <<-"two" /d/\n$who "q"\none\n\t\t$who\n\ttwo\n',
  });
  const { image } = await yard.build(context, { buildArgs: new Map([['who', 'you']]) });
  assert.equal(await yard.digest(image, 'd/one'), sha('you "q"\n'));
  assert.equal(await yard.digest(image, 'd/two'), sha('$who\n'));
});

test('--parents, --exclude, --chmod and --chown', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({
    Dockerfile:
      'FROM scratch\nCOPY --parents x/y/*.txt x/./z /p/\nCOPY --exclude=*.md --exclude=z --chown=3:4 --chmod=600 x /e\n',
    'x/y/a.txt': '',
    'x/z/b': '',
    'x/c.md': '',
  });
  const { image } = await yard.build(context);
  const found = await flatten(yard.engine.store, image);
  assert.deepEqual([...found.keys()].sort(), [
    'e',
    'e/y',
    'e/y/a.txt',
    'p',
    'p/x',
    'p/x/y',
    'p/x/y/a.txt',
    'p/z',
    'p/z/b',
  ]);
  const { mode, uid, gid } = found.get('e/y/a.txt') ?? {};
  assert.deepEqual([mode, uid, gid], [0o600, 3, 4]);
});

test('a context is a tar on standard input too, compressed or not, or a Dockerfile alone', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({
    Dockerfile: 'FROM scratch\nCOPY d /x/\n',
    'd/f': 'hello',
    '.dockerignore': 'd/no',
    'd/no': '',
  });
  for (const flag of ['-c', '-cz']) {
    const tar = execFileSync('tar', ['-C', context, flag, '.']);
    const { image } = await yard.build('-', { stdin: Readable.from([tar.subarray(0, 100), tar.subarray(100)]) });
    assert.deepEqual(await yard.paths(image), ['x', 'x/f']);
    assert.equal(await yard.digest(image, 'x/f'), sha('hello'));
  }
  const file = join(yard.folder, 'context.tar');
  writeFileSync(file, execFileSync('tar', ['-C', context, '-c', '.']));
  assert.deepEqual(await yard.paths((await yard.build(file)).image), ['x', 'x/f']);
  const alone = await yard.build('-', { stdin: Readable.from([Buffer.from('FROM scratch\nCOPY <<E /e\n1\nE\n')]) });
  assert.deepEqual(await yard.paths(alone.image), ['e']);
  const other = await yard.build(context, {
    file: '-',
    stdin: Readable.from([Buffer.from('FROM scratch\nCOPY d/f /y\n')]),
  });
  assert.deepEqual(await yard.paths(other.image), ['y']);
});

test('ADD fetches with a checksum, and unpacks archives', async (t) => {
  const yard = await Yard.open(t);
  const server = createServer((request, response) => {
    response.setHeader('last-modified', 'Mon, 01 Jan 2024 00:00:00 GMT');
    response.statusCode = request.url === '/file.txt' ? 200 : 404;
    response.end('content');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tree = yard.context({ 'in/side': 'x' }, 'tree');
  const context = yard.context({
    Dockerfile: `FROM scratch\nADD --checksum=sha256:${sha('content')} ${url}/file.txt /d/\nADD t.tgz /t/\nADD --unpack=false t.tgz /\n`,
    't.tgz': execFileSync('tar', ['-C', tree, '-cz', 'in']),
  });
  const { image } = await yard.build(context);
  const found = await flatten(yard.engine.store, image);
  assert.deepEqual([...found.keys()].sort(), ['d', 'd/file.txt', 't', 't.tgz', 't/in', 't/in/side']);
  assert.deepEqual([found.get('d/file.txt')?.mode, found.get('d/file.txt')?.sha256], [0o600, sha('content')]);
  const wrong = yard.context(
    { Dockerfile: `FROM scratch\nADD --checksum=sha256:${sha('other')} ${url}/file.txt /d/\n` },
    'wrong',
  );
  await assert.rejects(yard.build(wrong), /has the digest/);
  await assert.rejects(
    yard.build(yard.context({ Dockerfile: `FROM scratch\nADD ${url}/none /d/\n` }, 'none')),
    /answers 404/,
  );
});

test('errors have a place in the Dockerfile', async (t) => {
  const yard = await Yard.open(t);
  const failing: readonly (readonly [string, RegExp])[] = [
    ['FROM scratch\nCOPY none /x\n', /:2:1: no "none" in the build context/],
    ['FROM scratch\nCOPY a b\nCOPY --from=9 a b\n', /:3:1: there is no stage 9/],
    ['FROM scratch\nCOPY d /x\nCOPY a /x\nCOPY a /x/a/b\n', /:4:1: /],
    ['FROM scratch\nCOPY a d /x\n', /:2:1: several sources/],
    ['FROM $nothing\n', /:1:1: .*empty/],
    ['FROM scratch\nCOPY --chown=nobody a /x\n', /:2:1: --chown=nobody: no user/],
    ['FROM scratch\nEXPOSE nine\n', /:2:1: .*no port/],
    ['FROM scratch\nENV a="${b?is needed}"\n', /:2:1: b: is needed/],
  ];
  for (const [dockerfile, message] of failing) {
    const context = yard.context({ Dockerfile: dockerfile, a: '1', 'd/x': '2' });
    await assert.rejects(
      yard.build(context),
      (error: unknown) => error instanceof DockerfileError && message.test(error.message),
      dockerfile,
    );
  }
  await assert.rejects(
    yard.build(yard.context({ Dockerfile: COPIES }), { target: 'none' }),
    /no stage "none"; there are 0/,
  );
  await assert.rejects(yard.build(join(yard.folder, 'nowhere')), /no context/);
  await assert.rejects(yard.build(yard.context({})), /no Dockerfile/);
});

test('links of a context lead nowhere outside it', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: 'FROM scratch\nCOPY leak /x\n' });
  writeFileSync(join(yard.folder, 'outside'), 'canary');
  symlinkSync('../outside', join(context, 'leak'));
  await assert.rejects(yard.build(context), /no "leak"/);
  rmSync(join(context, 'leak'));
  symlinkSync(yard.folder, join(context, 'leak'));
  await assert.rejects(yard.build(context), /no "leak"/);
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY leak/outside ../../../outside /x/\n');
  await assert.rejects(yard.build(context), EngineError);
});

test('an archive that leads out of its place is refused, and one that plants links stays inside the image', async (t) => {
  const yard = await Yard.open(t);
  const make = (...args: string[]): Buffer => execFileSync('tar', ['-C', yard.folder, '-cP', ...args]);
  writeFileSync(join(yard.folder, 'evil'), 'evil');
  const out = yard.context({
    Dockerfile: 'FROM scratch\nADD t.tar /d/\n',
    't.tar': make('--transform', 's,^,../../,', 'evil'),
  });
  await assert.rejects(yard.build(out), /leads out/);
  symlinkSync('/', join(yard.folder, 'up'));
  mkdirSync(join(yard.folder, 'plain/up'), { recursive: true });
  writeFileSync(join(yard.folder, 'plain/up/planted'), 'x');
  const link = make('up');
  writeFileSync(join(yard.folder, 't.tar'), link);
  execFileSync('tar', ['-C', join(yard.folder, 'plain'), '-rf', join(yard.folder, 't.tar'), 'up/planted']);
  const inside = yard.context({
    Dockerfile: 'FROM scratch\nADD t.tar /d/\n',
    't.tar': readFileSync(join(yard.folder, 't.tar')),
  });
  const { image } = await yard.build(inside);
  assert.deepEqual(await yard.paths(image), ['d', 'd/up', 'planted']);
  assert.equal(existsSync('/planted'), false);
  const hidden = yard.context({ Dockerfile: 'FROM scratch\nCOPY d /d\n', 'd/.wh.x': '' });
  await assert.rejects(yard.build(hidden), /marks a deletion/);
});

test('a record of the cache that was altered is none', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: 'FROM scratch\nCOPY a /a\nCOPY b /b\n', a: '1', b: '2' });
  await yard.build(context);
  const folder = join(yard.folder, 'state/build/steps');
  const [one, two] = readdirSync(folder) as [string, string];
  writeFileSync(join(folder, one), readFileSync(join(folder, two)));
  writeFileSync(join(folder, two), '{"key":');
  assert.deepEqual((await yard.build(context)).made, ['0/1', '0/2']);
});

test('a collection spares what the cache holds, and a prune gives its space back', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'x'.repeat(10_000) });
  await yard.build(context);
  await pruneImages(yard.engine, { all: true });
  assert.deepEqual((await yard.build(context)).made, []);
  await pruneImages(yard.engine, { all: true });
  const { bytes } = await buildCacheUsage(yard.engine);
  assert.ok(bytes > 10_000);
  assert.equal((await pruneBuildCache(yard.engine, { keepBytes: bytes })).removed.length, 0);
  assert.equal((await pruneBuildCache(yard.engine, { keepBytes: bytes - 1 })).bytes, bytes);
  assert.equal((await buildCacheUsage(yard.engine)).bytes, 0);
  assert.deepEqual((await yard.build(context)).made, ['0/1']);
});

test('SOURCE_DATE_EPOCH makes the same image twice', async (t) => {
  const [one, two] = [await Yard.open(t), await Yard.open(t)];
  const files = { Dockerfile: COPIES, 'a/x': '1', 'a/y': '2', b: '3' };
  const epoch = new Date(1_700_000_000_000);
  const first = await one.build(one.context(files), { epoch });
  await sleep(1100);
  const second = await two.build(two.context(files), { epoch });
  assert.equal(second.image.manifestDescriptor.digest, first.image.manifestDescriptor.digest);
});

test('RUN too makes the same layer twice', { skip: needsRoot }, async (t) => {
  const [one, two] = [await Yard.open(t), await Yard.open(t)];
  const epoch = new Date(1_700_000_000_000);
  const base = busyboxTar(one.folder) as string;
  const layers: string[] = [];
  for (const yard of [one, two]) {
    await importImage(yard.engine, base, { name: 'base:1' }).result;
    const context = yard.context({ Dockerfile: 'FROM base:1\nRUN mkdir /d && echo x > /d/f && ln -s f /d/l\n' });
    layers.push((await yard.build(context, { epoch })).image.config.rootfs.diff_ids.at(-1) as string);
    await sleep(1100);
  }
  assert.equal(layers[0], layers[1]);
});

test('what is built goes to a folder, a tar or an archive', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: COPIES, 'a/x': '1', b: '3' });
  const [folder, tar, archive] = ['out', 'out.tar', 'oci.tar'].map((name) => join(yard.folder, name)) as [
    string,
    string,
    string,
  ];
  await yard.build(context, {
    outputs: [
      { type: 'local', dest: folder },
      { type: 'tar', dest: tar },
      { type: 'oci', dest: archive },
    ],
    tags: ['app:1'],
  });
  assert.equal(readFileSync(join(folder, 'a/x'), 'utf8'), '1');
  const list = (path: string): string[] =>
    execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n').sort();
  assert.deepEqual(list(tar), ['a/', 'a/x', 'b', 'w/']);
  assert.ok(list(archive).includes('oci-layout'));
  assert.equal((await yard.engine.store.images.list()).length, 0);
  writeFileSync(join(context, 'b'), 'new');
  await yard.build(context, { outputs: [{ type: 'local', dest: folder }] });
  assert.equal(readFileSync(join(folder, 'b'), 'utf8'), 'new');
});

test('several platforms are an index, each with its own arguments', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({
    Dockerfile: 'FROM scratch\nARG TARGETARCH TARGETVARIANT\nCOPY <<E /arch\n$TARGETARCH$TARGETVARIANT\nE\n',
  });
  const platforms = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm', variant: 'v7' },
  ];
  const { target } = await build(yard.engine, context, { platforms, tags: ['many:1'] }).result;
  for (const [index, text] of ['amd64', 'armv7'].entries()) {
    const image = await readImage(yard.engine.store.content, target, platforms[index]);
    assert.equal(await yard.digest(image, 'arch'), sha(`${text}\n`));
  }
});

test('a git repository is a context: a ref, a commit, a folder', { skip: needsGit }, async (t) => {
  const yard = await Yard.open(t);
  const repository = yard.context(
    { Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'one', 'sub/Dockerfile': 'FROM scratch\nCOPY . /s\n' },
    'work',
  );
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.email=a@b', '-c', 'user.name=n', ...args], {
      cwd: repository,
      encoding: 'utf8',
    }).trim();
  symlinkSync('/etc', join(repository, 'out'));
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-q', '-m', 'one');
  git('tag', 'v1');
  writeFileSync(join(repository, 'f'), 'two');
  git('commit', '-q', '-a', '-m', 'two');
  execFileSync('git', ['clone', '-q', '--bare', repository, join(yard.folder, 'r.git')]);
  const port = await freePort();
  const daemon = spawn(
    'git',
    ['daemon', '--export-all', `--base-path=${yard.folder}`, '--listen=127.0.0.1', `--port=${port}`],
    { stdio: 'ignore', detached: true },
  );
  t.after(() => process.kill(-(daemon.pid as number)));
  await sleep(500);
  const url = `git://127.0.0.1:${port}/r.git`;
  for (const [suffix, content] of [
    ['', 'two'],
    ['#v1', 'one'],
    [`#${git('rev-parse', 'v1')}`, 'one'],
  ] as const) {
    assert.equal(await yard.digest((await yard.build(url + suffix)).image, 'f'), sha(content), suffix);
  }
  assert.deepEqual(await yard.paths((await yard.build(`${url}#main:sub`)).image), ['s', 's/Dockerfile']);
  await assert.rejects(yard.build(`${url}#main:out`), /no folder out/);
  await assert.rejects(yard.build(`${url}#none`), /git fetch/);
  assert.equal(
    await yard.digest((await yard.build(`${url}#main:../..`)).image, 'f'),
    sha('two'),
    'the root of the repository',
  );
});

test('a further context is copied from, is a base, and goes before a stage of its name', async (t) => {
  const yard = await Yard.open(t);
  const further = yard.context({ f: 'further', no: '', '.dockerignore': 'no\n.dockerignore\n' }, 'further');
  const context = yard.context({
    Dockerfile: 'FROM scratch AS two\nCOPY f /f\nFROM one\nCOPY --from=one f /g\nCOPY --from=two f /h\n',
    f: 'own',
  });
  const contexts = new Map([
    ['one', further],
    ['two', further],
  ]);
  const { image } = await yard.build(context, { contexts });
  const found = await flatten(yard.engine.store, image);
  assert.deepEqual([...found].map(([path, { sha256 }]) => [path, sha256]).sort(), [
    ['f', sha('further')],
    ['g', sha('further')],
    ['h', sha('further')],
  ]);
  await assert.rejects(yard.build(context, { contexts: new Map([['one', join(further, 'f')]]) }), /no folder/);
});

test('a build argument that nothing asks for is told', async (t) => {
  const yard = await Yard.open(t);
  const context = yard.context({ Dockerfile: 'ARG a\nFROM scratch\nARG b\nCOPY x /x\n', x: '' });
  const buildArgs = new Map([
    ['a', '1'],
    ['b', '2'],
    ['typo', '3'],
    ['HTTP_PROXY', 'x'],
    ['TARGETARCH', 'y'],
  ]);
  const { events } = await yard.build(context, { buildArgs });
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
    ['the build argument typo is not asked for by any ARG'],
  );
});

test('a cache goes to another machine in a folder, and what was altered there is not taken', async (t) => {
  const [one, two, three] = [await Yard.open(t), await Yard.open(t), await Yard.open(t)];
  const files = { Dockerfile: COPIES, 'a/x': '1', b: '3' };
  const cache = join(one.folder, 'cache');
  const first = await one.build(one.context(files), { cacheFrom: [cache], cacheTo: [cache] });
  const second = await two.build(two.context(files), { cacheFrom: [cache] });
  assert.deepEqual([second.made, second.image.id], [[], first.image.id]);
  const [blob] = readdirSync(join(cache, 'blobs/sha256')) as [string];
  writeFileSync(join(cache, 'blobs/sha256', blob), Buffer.alloc(2560, 'x'));
  await assert.rejects(three.build(three.context(files), { cacheFrom: [cache] }));
  assert.deepEqual((await three.build(three.context(files))).made.length > 0, true);
});

test('checks are told without a build', async (t) => {
  const yard = await Yard.open(t);
  const findings = await checkBuild(yard.engine, yard.context({ Dockerfile: 'FROM scratch as A\nMAINTAINER x\n' }));
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ['StageNameCasing', 'FromAsCasing', 'MaintainerDeprecated'],
  );
});

test('only stages that the target needs are built', { skip: needsRoot }, async (t) => {
  const yard = await Yard.open(t);
  await yard.base();
  const context = yard.context({
    Dockerfile:
      'FROM base:1 AS bad\nRUN false\nFROM base:1 AS good\nRUN echo 1 > /x\nFROM scratch AS last\nCOPY --from=good /x /\n',
  });
  assert.deepEqual(await yard.paths((await yard.build(context)).image), ['x']);
  await assert.rejects(yard.build(context, { target: 'bad' }), /:2:1: "\/bin\/sh -c false" ended with exit code 1/);
});

test('a secret reaches the step, and nothing else', { skip: needsRoot }, async (t) => {
  const yard = await Yard.open(t);
  await yard.base();
  const canary = `canary-${'0123456789'.repeat(3)}`;
  const file = join(yard.folder, 'token');
  writeFileSync(file, canary);
  const context = yard.context({
    Dockerfile: [
      'FROM base:1',
      'RUN --mount=type=secret,id=t,required=true sha256sum /run/secrets/t > /sum && stat -c %a /run/secrets/t > /mode',
      'RUN --mount=type=secret,id=t,env=TOKEN [ -n "$TOKEN" ]',
      'RUN ls /run/secrets > /left 2>&1; true',
    ].join('\n'),
  });
  const { image, events } = await yard.build(context, { secrets: new Map([['t', { file }]]) });
  assert.equal(await yard.digest(image, 'sum'), sha(`${sha(canary)}  /run/secrets/t\n`));
  assert.equal(await yard.digest(image, 'mode'), sha('400\n'));
  assert.ok(!(await yard.paths(image)).some((path) => path.startsWith('run/secrets/')));
  assert.ok(!JSON.stringify(events).includes(canary));
  const found = execFileSync('sh', ['-c', 'grep -rl "$1" "$2" || true', 'sh', canary, join(yard.folder, 'state')], {
    encoding: 'utf8',
  });
  assert.equal(found, '');
  await assert.rejects(yard.build(context, { noCache: true }), /the secret t is required/);
});

test('mounts of a step: a cache that stays, a tmpfs that goes, what another stage has', {
  skip: needsRoot,
}, async (t) => {
  const yard = await Yard.open(t);
  await yard.base();
  const context = yard.context({
    Dockerfile: [
      'FROM base:1 AS from',
      'RUN mkdir /o && echo other > /o/f && ln -s /etc/passwd /o/l',
      'FROM base:1',
      'ARG n',
      'RUN --mount=type=cache,target=/c echo $n >> /c/log && cp /c/log /log',
      'RUN --mount=type=tmpfs,target=/t touch /t/x',
      'RUN --mount=type=bind,from=from,source=/o,target=/b cat /b/f > /b1 && ! touch /b/new 2>/dev/null',
      'RUN --mount=target=/ctx cat /ctx/a > /b2',
      'RUN --mount=type=bind,from=from,source=/o,target=/b,rw touch /b/new',
    ].join('\n'),
    a: 'of the context',
    '.dockerignore': 'Dockerfile',
  });
  await yard.build(context, { buildArgs: new Map([['n', '1']]) });
  const { image } = await yard.build(context, { buildArgs: new Map([['n', '2']]) });
  assert.equal(await yard.digest(image, 'log'), sha('1\n2\n'));
  assert.equal(await yard.digest(image, 'b1'), sha('other\n'));
  assert.equal(await yard.digest(image, 'b2'), sha('of the context'));
  const paths = await yard.paths(image);
  assert.ok(!paths.some((path) => /^(?:t|c|b|ctx)(?:\/|$)/.test(path)), paths.join(' '));
});

test('the source of a mount leads nowhere outside its tree', { skip: needsRoot }, async (t) => {
  const yard = await Yard.open(t);
  await yard.base();
  writeFileSync(join(yard.folder, 'outside'), 'canary');
  const context = yard.context({ Dockerfile: 'FROM base:1\nRUN --mount=target=/m,source=leak cat /m\n' });
  symlinkSync(join(yard.folder, 'outside'), join(context, 'leak'));
  await assert.rejects(yard.build(context), EngineError);
  const evil = yard.context({
    Dockerfile: `FROM base:1 AS evil\nRUN ln -s ${yard.folder} /leak\nFROM base:1\nRUN --mount=type=bind,from=evil,source=/leak/outside,target=/m cat /m\n`,
  });
  await assert.rejects(yard.build(evil), EngineError);
  await assert.rejects(
    yard.build(yard.context({ Dockerfile: 'FROM base:1\nWORKDIR /proc/self/fd/8\nRUN cat ../../../etc/shadow\n' })),
    EngineError,
  );
  await assert.rejects(
    yard.build(yard.context({ Dockerfile: 'FROM base:1\nRUN --security=insecure true\n' })),
    /not allowed/,
  );
  await assert.rejects(
    yard.build(yard.context({ Dockerfile: 'FROM base:1\nRUN --network=host true\n' })),
    /not allowed/,
  );
});

test('a build that is broken off leaves nothing that runs', { skip: needsRoot }, async (t) => {
  const yard = await Yard.open(t);
  await yard.base();
  const context = yard.context({ Dockerfile: 'FROM base:1\nRUN sleep 60\n' });
  const stop = new AbortController();
  const job = build(yard.engine, context, { signal: stop.signal });
  const done = assert.rejects(job.result, /enough/);
  await sleep(1500);
  stop.abort(new Error('enough'));
  await done;
  assert.deepEqual(
    readdirSync(join(yard.folder, 'state/containers')).filter((name) => /^[0-9a-f]{64}$/.test(name)),
    [],
  );
  assert.deepEqual(readdirSync(join(yard.folder, 'state/build/scratch')), []);
});

test('what a git reference asks for stays inside its repository', async (t) => {
  const yard = await Yard.open(t);
  const { parseGitReference } = await import('../build/git.ts');
  assert.deepEqual(parseGitReference('https://h/r.git#main:sub'), {
    url: 'https://h/r.git',
    ref: 'main',
    folder: 'sub',
  });
  assert.deepEqual(parseGitReference('git@h:r'), { url: 'git@h:r' });
  assert.equal(parseGitReference('./r.git#x'), undefined);
  assert.equal(parseGitReference('ext::sh -c x'), undefined);
  await assert.rejects(yard.build('https://127.0.0.1:1/r.git#--upload-pack=x'), /no name of a branch/);
});
