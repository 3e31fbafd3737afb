import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Command, command, type Program } from './command.ts';
import { completeWords } from './completion.ts';
import { completionScripts } from './completion-scripts.ts';
import { globalFlags } from './globals.ts';

const run = command({
  args: 'IMAGE [COMMAND] [ARG...]',
  interspersed: false,
  complete: ['image', 'file'],
  flags: {
    rm: { kind: 'boolean', description: 'Remove it' },
    network: { kind: 'string', aliases: ['net'], choices: ['host', 'none'], description: 'Network' },
    volume: { kind: 'list', short: 'v', complete: 'volume', description: 'Volume' },
    file: { kind: 'string', complete: 'file', description: 'File' },
    secret: { kind: 'string', hidden: true, description: 'Hidden' },
  },
  async run() {},
});
const verb = (names: [string, ...string[]], load: Command, hidden = false): Program['verbs'][number] => ({
  names,
  group: 'Images',
  summary: `Do ${names[0]}`,
  hidden,
  load: async () => load,
});
const program: Program = {
  name: 'strata',
  summary: '',
  globals: globalFlags,
  groups: ['Images'],
  topics: [{ name: 'container', group: 'Images', summary: 'Manage containers' }],
  verbs: [verb(['run', 'container run'], run), verb(['rm', 'container rm'], run), verb(['__x'], run, true)],
};

async function offered(...words: string[]): Promise<string[]> {
  const names = { image: ['debian:12', 'debian:13', 'app'], container: ['web'], running: ['web'], volume: ['data'] };
  const { words: offers, files } = await completeWords(program, words, async (kind) => names[kind]);
  return [...offers.map(({ word }) => word), ...(files ? [':files'] : [])];
}

test('verbs, management words and their verbs are offered', async () => {
  assert.deepEqual(await offered(''), ['run', 'rm', 'container', 'help']);
  assert.deepEqual(await offered('r'), ['run', 'rm']);
  assert.deepEqual(await offered('container', ''), ['rm', 'run']);
  assert.deepEqual(await offered('help', 'ru'), ['run']);
  assert.deepEqual(await offered('nothing', ''), []);
});

test('flags, their choices and what they name are offered', async () => {
  assert.deepEqual(await offered('--stor'), ['--storage-driver']);
  assert.deepEqual(await offered('run', '--r'), ['--rm']);
  assert.deepEqual(await offered('run', '--s'), []);
  assert.deepEqual(await offered('run', '--network', ''), ['host', 'none']);
  assert.deepEqual(await offered('run', '--net', 'h'), ['host']);
  assert.deepEqual(await offered('run', '--network=n'), ['--network=none']);
  assert.deepEqual(await offered('run', '-v', ''), ['data']);
  assert.deepEqual(await offered('run', '--file', ''), [':files']);
  assert.deepEqual(await offered('--root', '/x', '--debug', 'run', '--r'), ['--rm']);
});

test('arguments are offered by their place, and flags no more where they have ended', async () => {
  assert.deepEqual(await offered('run', '--rm', 'deb'), ['debian:12', 'debian:13']);
  assert.deepEqual(await offered('container', 'run', 'debian:12', '--r'), [':files']);
  assert.deepEqual(await offered('run', 'debian:12', ''), [':files']);
});

const hasBash = spawnSync('bash', ['-c', 'true']).status === 0;

test('bash completes words with colons and equals signs', { skip: hasBash ? false : 'bash is not installed' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-completion-'));
  try {
    // A program that offers what it is asked for, so that the test sees both sides.
    const fake = join(folder, 'strata');
    writeFileSync(fake, '#!/bin/sh\nshift 2\nfor last; do :; done\nprintf "%s1\\tone\\n%s2\\n" "$last" "$last"\n');
    chmodSync(fake, 0o755);
    writeFileSync(join(folder, 'script'), completionScripts.bash);
    const complete = (line: string, ...words: string[]): string => {
      const declared = execFileSync(
        'bash',
        [
          '-c',
          'source "$0/script"; COMP_LINE=$1; COMP_POINT=$2; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _strata; declare -p COMPREPLY',
          folder,
          line,
          String(line.length),
          ...words,
        ],
        { encoding: 'utf8', env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` } },
      );
      return [...declared.matchAll(/\]="([^"]*)"/g)].map(([, word]) => word).join(' ');
    };
    assert.equal(complete('strata ru', 'strata', 'ru'), 'ru1 ru2');
    assert.equal(complete('strata run ', 'strata', 'run', ''), '1 2');
    assert.equal(complete('strata run debian:1', 'strata', 'run', 'debian', ':', '1'), '11 12');
    assert.equal(complete('strata run debian:', 'strata', 'run', 'debian', ':'), '1 2');
    assert.equal(complete('strata run --net=h', 'strata', 'run', '--net', '=', 'h'), 'h1 h2');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const [shell, check] of [
  ['bash', ['-n']],
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const) {
  const installed = spawnSync(shell, ['-c', 'true']).status === 0;
  test(`the script for ${shell} is well-formed`, { skip: installed ? false : `${shell} is not installed` }, () => {
    const { status, stderr } = spawnSync(shell, check, {
      input: completionScripts[shell],
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
}
