import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type AppArmorHost, appArmorStatus, apparmorProfile } from './apparmor.ts';
import { defaultProfile } from './apparmor-profile.ts';
import { runFolder } from './folders.ts';
import { findProgram } from './host-tools.ts';

const plain = { privileged: false };

describe('AppArmor', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'overstrata-apparmor-'));
  });
  after(() => {
    rmSync(runFolder(root), { recursive: true, force: true });
    rmSync(root, { recursive: true });
  });

  /** A /sys with these profiles loaded (none: no list at all), and a parser that adds what it is told to load. */
  function host(name: string, { enabled = 'Y', profiles, parser = true }: Partial<Fake>): AppArmorHost {
    const sys = join(root, name);
    const list = join(sys, 'kernel/security/apparmor/profiles');
    mkdirSync(join(sys, 'module/apparmor/parameters'), { recursive: true });
    writeFileSync(join(sys, 'module/apparmor/parameters/enabled'), `${enabled}\n`);
    mkdirSync(join(sys, 'kernel/security/apparmor'), { recursive: true });
    if (profiles) writeFileSync(list, profiles.map((profile) => `${profile} (enforce)\n`).join(''));
    const program = join(sys, 'parser');
    const loads = `echo "$1" >>${program}.log; sed -n 's/^profile \\([^ ]*\\).*/\\1 (enforce)/p' "$2" >>${list}`;
    writeFileSync(program, `#!/bin/sh\n${loads}\n`);
    chmodSync(program, 0o755);
    return { sys, parser: parser ? program : undefined };
  }

  test('that is off leaves containers without a profile, whatever is asked for', async () => {
    for (const off of [
      host('off', { enabled: 'N', profiles: [] }),
      { sys: join(root, 'nothing'), parser: undefined },
    ]) {
      assert.equal(await apparmorProfile(root, { ...plain, apparmor: 'other' }, off), undefined);
      assert.equal(appArmorStatus(off), 'off');
    }
  });

  test('gets the default profile loaded once, by the first container', async () => {
    const here = host('first', { profiles: ['docker-default-other', '/usr/sbin/ntpd'] });
    assert.equal(await apparmorProfile(root, plain, here), 'docker-default');
    assert.equal(await apparmorProfile(root, plain, here), 'docker-default');
    assert.equal(readFileSync(`${here.parser}.log`, 'utf8'), '-Kr\n');
    assert.equal(appArmorStatus(here), 'ready');
  });

  test('uses a default profile that somebody else has loaded', async () => {
    const here = host('theirs', { profiles: ['docker-default'] });
    assert.equal(await apparmorProfile(root, plain, here), 'docker-default');
    assert.ok(!existsSync(`${here.parser}.log`));
  });

  test('confines by the profile that was asked for, or by none', async () => {
    const here = host('asked', { profiles: ['mine'] });
    assert.equal(await apparmorProfile(root, { ...plain, apparmor: 'mine' }, here), 'mine');
    assert.equal(await apparmorProfile(root, { ...plain, apparmor: 'unconfined' }, here), 'unconfined');
    assert.equal(await apparmorProfile(root, { privileged: true }, here), 'unconfined');
    assert.equal(await apparmorProfile(root, { privileged: true, apparmor: 'mine' }, here), 'mine');
    await assert.rejects(apparmorProfile(root, { ...plain, apparmor: 'missing' }, here), { code: 'InvalidArgument' });
    assert.ok(!existsSync(`${here.parser}.log`));
  });

  test('without apparmor_parser leaves containers without the default profile, and says so', async () => {
    const here = host('bare', { profiles: [], parser: false });
    assert.equal(await apparmorProfile(root, plain, here), undefined);
    assert.equal(appArmorStatus(here), 'no parser');
    await assert.rejects(apparmorProfile(root, { ...plain, apparmor: 'docker-default' }, here), /not loaded/);
  });

  test('whose list is out of sight is left alone', async () => {
    const here = host('hidden', {});
    assert.equal(await apparmorProfile(root, plain, here), undefined);
    await assert.rejects(apparmorProfile(root, { ...plain, apparmor: 'mine' }, here), /securityfs/);
    assert.ok(!existsSync(`${here.parser}.log`));
  });

  test('tells why its parser could not load the profile', async () => {
    const here = host('broken', { profiles: [] });
    writeFileSync(here.parser as string, '#!/bin/sh\necho "syntax error" >&2; exit 1\n');
    await assert.rejects(apparmorProfile(root, plain, here), { code: 'Unavailable', message: /syntax error/ });
  });

  const parser = findProgram('apparmor_parser');
  test('has a default profile that its own parser takes', { skip: parser ? false : 'needs apparmor_parser' }, () => {
    const { status, stderr } = spawnSync(parser as string, ['-QK'], { input: defaultProfile(), encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
});

interface Fake {
  readonly enabled: string;
  readonly profiles: readonly string[];
  readonly parser: boolean;
}
