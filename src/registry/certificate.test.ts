import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureCertificate } from './certificate.ts';
import { trustInstructions } from './trust.ts';

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'overstrata-tls-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test('a certificate names this machine in every way and is signed by its own authority', async () => {
  await using folder = await temporary();
  const { cert, ca, keyPath, caPath } = await ensureCertificate(folder.path, {
    names: ['Registry.Example.com', '10.1.2.3'],
  });
  const server = new X509Certificate(cert);
  for (const name of ['localhost', 'registry.example.com', hostname().toLowerCase()])
    assert.ok(server.checkHost(name), name);
  for (const address of ['127.0.0.1', '::1', '10.1.2.3']) assert.ok(server.checkIP(address), address);
  assert.ok(!server.ca && server.verify(new X509Certificate(ca).publicKey));
  assert.equal((await stat(keyPath)).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder.path, 'ca.key'))).mode & 0o777, 0o600);
  assert.match(trustInstructions('host:5000', caPath), /\/etc\/docker\/certs\.d\/host:5000\/ca\.crt/);
});

test('it is used again while it fits, and made again under the same authority when a name is new', async () => {
  await using folder = await temporary();
  const first = await ensureCertificate(folder.path);
  assert.equal((await ensureCertificate(folder.path)).cert, first.cert);
  const wider = await ensureCertificate(folder.path, { names: ['new.example'] });
  assert.notEqual(wider.cert, first.cert);
  assert.equal(wider.ca, first.ca);
  assert.equal((await ensureCertificate(folder.path, { names: ['new.example'] })).cert, wider.cert);
});

test('many that ask at once get one authority, and a broken key is replaced', async () => {
  await using folder = await temporary();
  const made = await Promise.all([1, 2, 3, 4].map(() => ensureCertificate(folder.path)));
  assert.equal(new Set(made.map(({ cert }) => cert)).size, 1);
  await writeFile(join(folder.path, 'server.key'), 'torn');
  const again = await ensureCertificate(folder.path);
  assert.notEqual(again.cert, made[0]?.cert);
  assert.equal(again.ca, made[0]?.ca);
});

test('it ends after a year and its authority after ten, and both are renewed before', async (t) => {
  await using folder = await temporary();
  const first = await ensureCertificate(folder.path);
  const inDays = (days: number): number => Date.now() + days * 24 * 3600 * 1000;
  t.mock.timers.enable({ apis: ['Date'], now: inDays(370) });
  const second = await ensureCertificate(folder.path);
  assert.notEqual(second.cert, first.cert);
  assert.equal(second.ca, first.ca);
  t.mock.timers.setTime(inDays(3630 - 370));
  assert.notEqual((await ensureCertificate(folder.path)).ca, first.ca);
});
