import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { machine } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { needs } from '../peers.ts';
import { busyboxTar, ENTRY, type Outcome, outcomeOf, Strata } from '../strata.ts';

/** Exit codes, formats and filters that scripts know from docker. */
describe('the program behaves as scripts expect', { skip: needs('busybox'), concurrency: false }, () => {
  let strata: Strata;
  let tar: string;
  before(async () => {
    strata = new Strata('strata-manners-');
    tar = busyboxTar(strata.folder) as string;
    await strata.run('import', '--change', 'LABEL tier=base', tar, 'base:1');
    await strata.run('tag', 'base:1', 'base:latest');
    await strata.run('import', '--message', 'another', tar, 'other:2');
  });
  after(() => strata?.[Symbol.asyncDispose]());

  const run = (...args: string[]): Promise<Outcome> => strata.try(['run', '--rm', '--network', 'none', ...args]);
  const shell = (script: string): Promise<Outcome> => run('base:1', '/bin/sh', '-c', script);

  test("run ends with the command's exit code", async () => {
    assert.equal((await shell('exit 0')).code, 0);
    assert.equal((await shell('exit 3')).code, 3);
    assert.equal((await shell('exit 125')).code, 125);
  });

  test('run ends with 128 and the signal that ended the command', async () => {
    const command = ['/bin/sh', '-c', 'echo up; exec sleep 99'];
    const child = strata.start(['run', '--rm', '--name', 'doomed', '--network', 'none', 'base:1', ...command]);
    const ended = outcomeOf(child);
    await once(child.stdout as Readable, 'data');
    await strata.run('kill', 'doomed');
    assert.equal((await ended).code, 137);
  });

  test('run ends with 127 for a command that is not there, and 126 for one that is none', async () => {
    const absent = await run('base:1', '/bin/no-such-command');
    assert.equal(absent.code, 127, absent.stderr);
    assert.match(absent.stderr, /no-such-command/);
    assert.equal((await run('base:1', 'no-such-command')).code, 127);
    for (const none of ['/etc/passwd', '/etc']) {
      const outcome = await run('base:1', none);
      assert.equal(outcome.code, 126, `${none}: ${outcome.stderr}`);
    }
    assert.equal(await strata.run('ps', '--all', '--quiet'), '', 'nothing is left of them');
  });

  test('run ends with 125 for what it cannot do itself', async () => {
    for (const args of [
      ['--no-such-flag', 'base:1'],
      ['--volume', 'relative/../x:y', 'base:1'],
      ['127.0.0.1:1/absent:1'],
    ]) {
      const outcome = await run(...args);
      assert.equal(outcome.code, 125, `${args.join(' ')}: ${outcome.stderr}`);
      assert.notEqual(outcome.stderr, '');
    }
  });

  test("exec ends with its command's exit code, and 126 and 127 as run", async () => {
    await strata.run('run', '--detach', '--name', 'busy', '--network', 'none', 'base:1', '/bin/sleep', '300');
    const exec = async (...args: string[]): Promise<number | null> =>
      (await strata.try(['exec', 'busy', ...args])).code;
    assert.equal(await exec('/bin/sh', '-c', 'exit 7'), 7);
    assert.equal(await exec('/bin/no-such-command'), 127);
    assert.equal(await exec('/etc/passwd'), 126);
    assert.equal((await strata.try(['exec', 'absent', 'true'])).code, 1);
    await strata.run('rm', '--force', 'busy');
  });

  test('other verbs end with 1, and a bad command line with docker’s code and a hint', async () => {
    const absent = await strata.try(['image', 'inspect', 'absent:1']);
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /absent:1/);
    assert.equal(absent.stdout.trim(), '[]');
    const mistyped = await strata.try(['imgaes']);
    assert.notEqual(mistyped.code, 0);
    assert.match(mistyped.stderr, /images/);
    const flag = await strata.try(['images', '--no-such-flag']);
    assert.equal(flag.code, 125);
    assert.match(flag.stderr, /See 'strata images --help'/);
  });

  test('--format prints templates, json and tables', async () => {
    const template = await strata.run('images', '--format', '{{.Repository}}:{{.Tag}}');
    assert.deepEqual(template.trim().split('\n').sort(), ['base:1', 'base:latest', 'other:2']);
    const rows = (await strata.run('images', '--format', 'json', '--no-trunc')).trim().split('\n');
    assert.deepEqual(new Set(rows.map((row) => JSON.parse(row).Repository)), new Set(['base', 'other']));
    const table = await strata.run('images', '--format', 'table {{.Tag}}\t{{.Repository}}', 'other');
    assert.match(table, /^TAG +REPOSITORY\n2 +other\n$/);
    const wrong = await strata.try(['images', '--format', '{{.Repository']);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /template/);
  });

  test('--filter and -q choose and shorten', async () => {
    const filtered = async (...args: string[]): Promise<string[]> => {
      const output = await strata.run('images', '--format', '{{.Repository}}:{{.Tag}}', ...args);
      return output
        .split('\n')
        .filter((line) => line !== '')
        .sort();
    };
    assert.deepEqual(await filtered('--filter', 'label=tier=base'), ['base:1', 'base:latest']);
    assert.deepEqual(await filtered('--filter', 'reference=o*'), ['other:2']);
    assert.deepEqual(await filtered('--filter', 'dangling=true'), []);
    assert.deepEqual(await filtered('--filter', 'since=base:1'), ['other:2']);
    const ids = (await strata.run('images', '--quiet', '--no-trunc', 'base')).trim().split('\n');
    assert.match(ids[0] as string, /^sha256:[0-9a-f]{64}$/);
    assert.match((await strata.run('images', '--quiet', 'other')).trim(), /^[0-9a-f]{12}$/);
    const wrong = await strata.try(['images', '--filter', 'nonsense=1']);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /nonsense/);
  });

  test('ps filters, formats and shortens', async () => {
    await strata.run('create', '--name', 'waits', '--label', 'a=b', '--network', 'none', 'base:1', '/bin/true');
    assert.equal(await strata.run('ps', '--quiet'), '');
    assert.equal(
      await strata.run('ps', '--all', '--filter', 'label=a=b', '--format', '{{.Names}} {{.State}}'),
      'waits created\n',
    );
    assert.match(await strata.run('ps', '--all', '--quiet', '--filter', 'status=created'), /^[0-9a-f]{12}\n$/);
    await strata.run('rm', 'waits');
  });

  test('output that nobody reads any more ends the program without a word', async () => {
    const pipe = `"$@" | head -1`;
    const child = spawn('bash', ['-o', 'pipefail', '-c', pipe, '-', process.execPath, ENTRY, 'images'], {
      env: { ...process.env, ...strata.env },
    });
    const { stdout, stderr } = await outcomeOf(child);
    assert.match(stdout, /^REPOSITORY[^\n]*\n$/);
    assert.equal(stderr, '');
  });

  test('an interrupted command ends with 130 and leaves a clean store', async () => {
    const child = strata.start(['import', '-', 'never:1'], { stdin: 'pipe' });
    const ended = outcomeOf(child);
    const part = readFileSync(tar).subarray(0, 1_000_000); // more than a pipe holds: it reads when all is written
    await new Promise<void>((resolve) => child.stdin?.write(part, () => resolve()));
    child.kill('SIGINT');
    assert.equal((await ended).code, 130);
    assert.equal((await strata.run('fsck')).trim(), 'clean');
    assert.equal(await strata.run('images', '--quiet', 'never'), '');
  });

  test('files that can not be used are told with what named them', async () => {
    for (const [words, ...args] of [
      ['--cidfile /no/such: no such file or directory', 'create', '--cidfile', '/no/such', 'base:1'],
      ['--security-opt seccomp /no/such: no such', 'create', '--security-opt', 'seccomp=/no/such', 'base:1'],
      ['--output /no/such/x.tar: no such file or directory', 'save', '--output', '/no/such/x.tar', 'base:1'],
      ["can't make the folder /proc/no: ", '--root', '/proc/no/such', 'images'],
      ['a name in it is longer', '--root', `/tmp/${'a'.repeat(300)}`, 'images'],
    ] as const) {
      const { stderr } = await strata.try(args);
      assert.ok(stderr.startsWith('strata: ') && stderr.includes(words), stderr);
      assert.doesNotMatch(stderr, /E[A-Z]{4}|tmp-/);
    }
  });

  test('system df has a row for each name of an image, and its size as images has it', async () => {
    const images = (await strata.run('images')).trim().split('\n').slice(1);
    const usage = (await strata.run('system', 'df', '--verbose')).split('\n\n')[1]?.split('\n') ?? [];
    assert.match(
      usage[0] as string,
      /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$/,
    );
    const sizes = (rows: readonly string[]): string[] =>
      rows.map((row) => row.split(/ {2,}/)).map(([name, tag, , , size]) => `${name}:${tag} ${size}`);
    assert.deepEqual(sizes(usage.slice(1)).sort(), sizes(images).sort());
  });

  test('info names the machine as docker does, and what confines containers', async () => {
    const fields = '{{.Architecture}} {{json .SecurityOptions}}';
    const [architecture, options] = (await strata.run('info', '--format', fields)).trim().split(' ');
    assert.equal(architecture, machine());
    assert.ok(JSON.parse(options ?? '').includes('name=seccomp,profile=builtin'), options);
    assert.match(await strata.run('info'), /^Security Options:\n( \w+\n)* seccomp\n {2}Profile: builtin\n/m);
  });

  test('the launcher is the program', async () => {
    const launcher = join(import.meta.dirname, '../../bin/strata');
    const child = spawn(launcher, ['images', '--quiet'], { env: { ...process.env, ...strata.env } });
    const { code, stdout } = await outcomeOf(child);
    assert.equal(code, 0);
    assert.equal(stdout, await strata.run('images', '--quiet'));
    const ours = await outcomeOf(
      spawn(launcher, ['create', '--env-file', '/no/such/file', 'x:1'], { env: { ...process.env, ...strata.env } }),
    );
    assert.equal(ours.code, 125, 'Node takes --env-file for its own wherever it stands');
  });
});
