// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles look like it
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, type Engine, importImage, load, openEngine, save } from '../../src/engine/index.ts';
import { type Image, requireImage } from '../../src/image/index.ts';
import { unmountBelow } from '../contracts/unmount-below.ts';
import { type FlatEntry, flatten } from '../fixtures/flat-image.ts';
import { needs, runPeer } from '../peers.ts';
import { busyboxTar } from '../strata.ts';

/** What both build, each from the same context on the same base; the results have to be the same. */
const DOCKERFILES: Readonly<Record<string, string>> = {
  'a file to a name': 'FROM scratch\nCOPY a.txt /b',
  'a file into a folder that a slash asks for': 'FROM scratch\nCOPY a.txt /d/',
  'a file into a folder that is there': 'FROM base:1\nCOPY a.txt /bin',
  'a file deep into what is missing': 'FROM scratch\nCOPY a.txt /x/y/z',
  'a folder to a name': 'FROM scratch\nCOPY dir /d',
  'a folder onto the root': 'FROM scratch\nCOPY dir /',
  'the whole context': 'FROM scratch\nCOPY . /c/',
  'several sources': 'FROM scratch\nCOPY a.txt b.txt dir /d/',
  wildcards: 'FROM scratch\nCOPY *.txt /d/',
  'a question mark and a class': 'FROM scratch\nCOPY ?.txt [b]*.txt /d/',
  'wildcards in folders': 'FROM scratch\nCOPY d*/s*/deep.txt /d/',
  'a JSON array': 'FROM scratch\nCOPY ["with space.txt", "/to here/"]',
  'over a file': 'FROM scratch\nCOPY a.txt /f\nCOPY b.txt /f',
  'a folder over a folder': 'FROM scratch\nCOPY dir /d\nCOPY other /d',
  modes: 'FROM scratch\nCOPY modes /m',
  'links in a folder': 'FROM scratch\nCOPY links /l',
  'hard links': 'FROM scratch\nCOPY hard /h',
  'an empty folder': 'FROM scratch\nCOPY empty /e',
  'numbers as owners': 'FROM scratch\nCOPY --chown=12:34 dir /d',
  'one number as owner': 'FROM scratch\nCOPY --chown=12 a.txt /d/',
  'names as owners': 'FROM base:1\nCOPY --chown=root:root a.txt /d/',
  'a mode': 'FROM scratch\nCOPY --chmod=640 a.txt /d/',
  'through a link in the image': 'FROM base:1\nRUN mkdir /real && ln -s real /link\nCOPY a.txt /link/',
  'through an absolute link in the image': 'FROM base:1\nRUN mkdir -p /r/s && ln -s /r/s /r/t\nCOPY dir /r/t/',
  'relative to WORKDIR': 'FROM scratch\nWORKDIR /w/x\nCOPY a.txt .\nCOPY b.txt sub/',
  'WORKDIR upon WORKDIR': 'FROM scratch\nWORKDIR /w\nWORKDIR x\nWORKDIR ../y\nCOPY a.txt .',
  'from a stage':
    'FROM base:1 AS one\nRUN mkdir /o && echo x > /o/f && chown 5:6 /o/f\nFROM scratch\nCOPY --from=one /o /p',
  'a file from a stage by its number': 'FROM scratch\nCOPY a.txt /x\nFROM scratch\nCOPY --from=0 /x /y/',
  'a stage upon a stage': 'FROM scratch AS one\nCOPY a.txt /x\nENV A=1\nFROM one\nCOPY b.txt /y\nENV B=$A',
  'an archive': 'FROM scratch\nADD tree.tar /t/',
  'a compressed archive': 'FROM scratch\nADD tree.tar.gz /t',
  'a file that is no archive': 'FROM scratch\nADD a.txt /t/',
  RUN: 'FROM base:1\nRUN echo a > /f && mkdir -p /x/y && touch /x/y/z && chmod 600 /f',
  'RUN that removes':
    'FROM base:1\nRUN mkdir /d && touch /d/a /d/b\nRUN rm /d/a\nRUN rm -r /d && mkdir /d && touch /d/c',
  'RUN with an ARG': 'FROM base:1\nARG who=me\nRUN echo "$who" > /who',
  'RUN in exec form': 'FROM base:1\nRUN ["/bin/sh", "-c", "echo $0 > /f"]',
  'RUN as a user': 'FROM base:1\nRUN mkdir /u && chmod 777 /u\nUSER 7:8\nRUN touch /u/f',
  'RUN in a folder': 'FROM base:1\nWORKDIR /w\nRUN pwd > p',
  'RUN with ENV': 'FROM base:1\nENV X="a b" Y=$HOME\nRUN echo "$X-$Y" > /f',
  'RUN that makes links and devices of its own': 'FROM base:1\nRUN ln -s /x /y && echo a > /f && ln /f /g && mkfifo /p',
  SHELL: 'FROM base:1\nSHELL ["/bin/sh", "-ec"]\nRUN echo x > /f',
  'CMD and ENTRYPOINT': 'FROM scratch\nCOPY a.txt /\nENTRYPOINT ["/e", "a b"]\nCMD ["c"]',
  'shell forms': 'FROM scratch\nCOPY a.txt /\nENTRYPOINT exec top -b\nCMD echo "$x"',
  'ENV in both forms':
    'FROM scratch\nCOPY a.txt /\nENV a=1 b="2 3" c=4\\ 5\nENV old form of it\nENV d=${a}-${b:-x}-${z:-y}-${a:+w}',
  LABEL: 'FROM scratch\nCOPY a.txt /\nLABEL a=1 "b c"="d e" f=g\\ h',
  'EXPOSE, VOLUME, USER, STOPSIGNAL':
    'FROM scratch\nCOPY a.txt /\nEXPOSE 80 53/udp\nVOLUME /v ["/w"]\nUSER me:us\nSTOPSIGNAL SIGINT',
  'a health check': 'FROM scratch\nCOPY a.txt /\nHEALTHCHECK --interval=30s --timeout=3s --retries=2 CMD ["a", "b"]',
  'ONBUILD is kept': 'FROM scratch\nCOPY a.txt /\nONBUILD COPY . /x\nONBUILD RUN y',
  'ARG before FROM': 'ARG tag=1\nFROM base:${tag}\nARG tag=2\nRUN echo "$tag" > /tag',
};

test('what buildah builds is what we build', { skip: needs('buildah'), timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-peers-'));
  t.after(() => {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const engine = await openEngine({ root: join(folder, 'state') });
  t.after(() => engine[Symbol.asyncDispose]());
  const context = join(folder, 'context');
  makeContext(context);
  await importImage(engine, busyboxTar(folder) as string, { name: 'base:1' }).result;
  const base = join(folder, 'base.tar');
  await save(engine, ['base:1'], base).result;
  const buildah = (...args: string[]): Promise<string> =>
    runPeer('buildah', '--root', join(folder, 'b'), '--runroot', join(folder, 'r'), '--storage-driver', 'vfs', ...args);
  await buildah('pull', `docker-archive:${base}`);
  let number = 0;
  for (const [name, dockerfile] of Object.entries(DOCKERFILES)) {
    await t.test(name, async () => {
      const file = join(folder, 'Dockerfile');
      writeFileSync(file, `${dockerfile}\n`);
      const ours = (await build(engine, context, { file }).result).image;
      const tag = `localhost/peer:${++number}`;
      const archive = join(folder, 'peer.tar');
      rmSync(archive, { force: true });
      await buildah(
        'bud',
        '--isolation',
        'chroot',
        '--pull-never',
        '--format',
        'docker',
        '-q',
        '-f',
        file,
        '-t',
        tag,
        context,
      );
      await buildah('push', '-q', tag, `docker-archive:${archive}:${tag}`);
      await buildah('rmi', tag);
      await load(engine, archive).result;
      const { image: theirs } = await requireImage(engine.store, tag);
      await sameFiles(engine, ours, theirs);
      sameConfig(ours, theirs);
    });
  }
});

function makeContext(folder: string): void {
  mkdirSync(join(folder, 'dir/sub'), { recursive: true });
  for (const name of ['other/dir', 'modes', 'links', 'hard', 'empty'])
    mkdirSync(join(folder, name), { recursive: true });
  const files: Readonly<Record<string, string>> = {
    'a.txt': 'a\n',
    'b.txt': 'b\n',
    'with space.txt': 'c\n',
    'dir/one.txt': '1\n',
    'dir/sub/deep.txt': 'deep\n',
    'other/one.txt': 'other\n',
    'other/two.txt': '2\n',
    'modes/x': 'x',
    'modes/set': 's',
    'links/target': 't',
    'hard/one': 'h',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o644 });
  chmodSync(join(folder, 'modes/x'), 0o751);
  chmodSync(join(folder, 'modes/set'), 0o755); // with a setuid bit buildah and docker differ: it takes the bit away
  chmodSync(join(folder, 'empty'), 0o1777);
  symlinkSync('target', join(folder, 'links/near'));
  symlinkSync('/etc/passwd', join(folder, 'links/far'));
  symlinkSync('nowhere', join(folder, 'links/dangling'));
  linkSync(join(folder, 'hard/one'), join(folder, 'hard/two'));
  execFileSync('tar', ['-C', folder, '-cf', join(folder, 'tree.tar'), '--owner=3', '--group=4', 'dir', 'links']);
  execFileSync('tar', ['-C', folder, '-czf', join(folder, 'tree.tar.gz'), '--owner=3', '--group=4', 'modes', 'hard']);
}

/** Made by the ones or the others where a container runs. */
const OWN = /^(?:proc|sys|dev|etc\/(?:hosts|hostname|resolv\.conf)|run(?:\/.*)?)$/;

async function sameFiles(engine: Engine, ours: Image, theirs: Image): Promise<void> {
  const [a, b] = [await flatten(engine.store, ours), await flatten(engine.store, theirs)];
  const wrong: string[] = [];
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    if (OWN.test(path)) continue;
    const [one, other] = [shapeOf(a.get(path)), shapeOf(b.get(path))];
    if (one !== other) wrong.push(`${path}: ${one}, theirs ${other}`);
  }
  assert.deepEqual(wrong, []);
}

function shapeOf(entry: FlatEntry | undefined): string {
  return JSON.stringify(entry && { ...entry, mode: entry.t === 'l' ? 0 : entry.mode.toString(8) });
}

const FIELDS = [
  ...['Cmd', 'Entrypoint', 'Env', 'ExposedPorts', 'Healthcheck', 'OnBuild', 'Shell', 'StopSignal', 'User', 'Volumes'],
  ...['WorkingDir'],
] as const;

function sameConfig(ours: Image, theirs: Image): void {
  const shape = ({ config }: Image): unknown => {
    const { Labels, ...rest } = { ...config.config };
    const { 'io.buildah.version': _, ...labels } = { ...Labels };
    return Object.fromEntries([
      ...FIELDS.map((name) => [name, plain(name, rest[name as 'Cmd'])]),
      ['Labels', plain('Labels', labels)],
    ]);
  };
  assert.deepEqual(shape(ours), shape(theirs));
}

/** Nothing, what is empty and the root are the same; buildah gives no image a PATH of its own. */
function plain(name: string, value: unknown): unknown {
  if (name === 'Env')
    return plain(
      '',
      (value as readonly string[] | undefined)?.filter((entry) => !entry.startsWith('PATH=')),
    );
  if (value === null || value === undefined || value === '' || value === '/') return null;
  return Object.keys(value).length === 0 ? null : value;
}
