import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasCode } from '../std/index.ts';
import { eraseCredentials, loadCredentials, storeCredentials } from './credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'strata-credentials-'));
const path = process.env['PATH'];
after(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});
let count = 0;
function configOf(value: unknown): { configFile: string } {
  const configFile = join(folder, `config-${count++}.json`);
  writeFileSync(configFile, typeof value === 'string' ? value : JSON.stringify(value));
  return { configFile };
}
const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('a login in the file is found under every spelling of its registry', async () => {
  const options = configOf({
    auths: {
      'https://index.docker.io/v1/': { auth: base64('hub:secret') },
      '127.0.0.1:5000': { auth: base64('me:a:b\0\0') },
      'https://old.example.com/v1/': { username: 'u', password: 'p' },
      'token.example.com': { auth: base64('x:'), identitytoken: 'idt' },
      'reg.example.com': { registrytoken: 'rt' },
      'empty.example.com': {},
    },
  });
  assert.deepEqual(await loadCredentials('docker.io', options), { username: 'hub', password: 'secret' });
  assert.deepEqual(await loadCredentials('127.0.0.1:5000', options), { username: 'me', password: 'a:b' });
  assert.deepEqual(await loadCredentials('old.example.com', options), { username: 'u', password: 'p' });
  assert.deepEqual(await loadCredentials('token.example.com', options), { identityToken: 'idt' });
  assert.deepEqual(await loadCredentials('reg.example.com', options), { registryToken: 'rt' });
  assert.equal(await loadCredentials('empty.example.com', options), undefined);
  assert.equal(await loadCredentials('127.0.0.1:5001', options), undefined);
  assert.equal(await loadCredentials('a.b', { configFile: join(folder, 'none') }), undefined);
});

test('a login is stored privately, found again and erased, and the rest of the file stays', async () => {
  const options = configOf({
    detachKeys: 'ctrl-x',
    auths: { 'http://127.0.0.1:5000': { auth: base64('old:old') }, other: { auth: base64('a:b'), extra: 1 } },
  });
  chmodSync(options.configFile, 0o644);
  await storeCredentials('127.0.0.1:5000', { username: 'me', password: 'päss' }, options);
  assert.deepEqual(await loadCredentials('127.0.0.1:5000', options), { username: 'me', password: 'päss' });
  assert.equal(statSync(options.configFile).mode & 0o777, 0o600);
  const kept = JSON.parse(readFileSync(options.configFile, 'utf8')) as Record<string, unknown>;
  assert.equal(kept['detachKeys'], 'ctrl-x');
  assert.deepEqual(kept['auths'], {
    other: { auth: base64('a:b'), extra: 1 },
    '127.0.0.1:5000': { auth: base64('me:päss') },
  });
  await storeCredentials('docker.io', { username: 'hub', password: 'x' }, options);
  assert.match(readFileSync(options.configFile, 'utf8'), /"https:\/\/index.docker.io\/v1\/"/);
  assert.equal(await eraseCredentials('docker.io', options), true);
  assert.equal(await eraseCredentials('docker.io', options), false);
  assert.equal(await loadCredentials('docker.io', options), undefined);
  assert.deepEqual(await loadCredentials('other', options), { username: 'a', password: 'b' });
});

test('a file that is a link stays one, one that is missing is made', async () => {
  const target = join(folder, 'target.json');
  const link = join(folder, 'link.json');
  writeFileSync(target, '{}');
  symlinkSync(target, link);
  await storeCredentials('a.b', { username: 'u', password: 'p' }, { configFile: link });
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.match(readFileSync(target, 'utf8'), /a\.b/);
  const fresh = join(folder, 'new', 'deep', 'config.json');
  await storeCredentials('a.b', { identityToken: 'idt' }, { configFile: fresh });
  assert.deepEqual(await loadCredentials('a.b', { configFile: fresh }), { identityToken: 'idt' });
  assert.equal(statSync(join(folder, 'new')).mode & 0o777, 0o700);
});

test('a malformed file is named without what is in it', async () => {
  for (const content of [
    '{"auths": {"a.b": {"auth": "c2VjcmV0OnNlY3JldA=="',
    '[]',
    '{"auths":[]}',
    '{"auths":{"a.b":{"auth":5}}}',
    '{"credHelpers":{"x":1}}',
  ]) {
    const options = configOf(content);
    await assert.rejects(
      loadCredentials('a.b', options),
      (error) =>
        hasCode(error, 'InvalidArgument') &&
        String(error).includes(options.configFile) &&
        !String(error).includes('c2Vj'),
    );
  }
});

test('the environment names the file', async () => {
  const { configFile } = configOf({ auths: { 'a.b': { auth: base64('u:p') } } });
  process.env['REGISTRY_AUTH_FILE'] = configFile;
  try {
    assert.deepEqual(await loadCredentials('a.b'), { username: 'u', password: 'p' });
  } finally {
    delete process.env['REGISTRY_AUTH_FILE'];
  }
});

const HELPER = `#!/bin/sh
# Keeps one secret a file, by the protocol of docker's helpers.
input=$(cat)
key() { printf %s "$1" | tr -c 'a-zA-Z0-9' _; }
case $1 in
get) f="$(dirname "$0")/kept-$(key "$input")"; [ -f "$f" ] && cat "$f" || { echo 'credentials not found in native keychain'; exit 1; } ;;
store) server=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); printf %s "$input" >"$(dirname "$0")/kept-$(key "$server")" ;;
erase) rm "$(dirname "$0")/kept-$(key "$input")" ;;
esac
`;

test('a credential helper keeps the secret, the file only that there is one', {
  skip: process.platform === 'win32' && 'needs sh',
}, async () => {
  writeFileSync(join(folder, 'docker-credential-fake'), HELPER, { mode: 0o755 });
  writeFileSync(join(folder, 'docker-credential-broken'), '#!/bin/sh\necho locked >&1\nexit 2\n', { mode: 0o755 });
  process.env['PATH'] = `${folder}:${path}`;
  const options = configOf({
    credsStore: 'fake',
    credHelpers: { 'broken.example.com': 'broken', 'none.example.com': 'absent' },
  });
  assert.equal(await loadCredentials('docker.io', options), undefined);
  await storeCredentials('docker.io', { username: 'hub', password: 'top secret' }, options);
  assert.deepEqual(await loadCredentials('docker.io', options), { username: 'hub', password: 'top secret' });
  assert.ok(existsSync(join(folder, 'kept-https___index_docker_io_v1_')));
  assert.doesNotMatch(readFileSync(options.configFile, 'utf8'), /secret/);
  await storeCredentials('a.b', { identityToken: 'idt' }, options);
  assert.deepEqual(await loadCredentials('a.b', options), { identityToken: 'idt' });
  assert.equal(await eraseCredentials('docker.io', options), true);
  assert.equal(await loadCredentials('docker.io', options), undefined);

  await assert.rejects(loadCredentials('broken.example.com', options), /docker-credential-broken get failed: locked/);
  await assert.rejects(
    loadCredentials('none.example.com', options),
    /docker-credential-absent can't be run; install it/,
  );
  await assert.rejects(loadCredentials('x.y', configOf({ credsStore: '../evil' })), /impossible credential helper/);
});
