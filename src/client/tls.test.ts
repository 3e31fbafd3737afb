import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { digestOf, MediaType } from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import { reply, startFakeRegistry } from './fake-registry.ts';
import { registryClient } from './registry-client.ts';

const openssl = (() => {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
})();
const skip = openssl ? false : 'openssl is not installed';

function makeCertificate(folder: string, names = 'IP:127.0.0.1'): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=test',
    ].concat('-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert),
    { stdio: 'ignore' },
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-tls-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CONFIG = '/nonexistent/config.json';
const fast = { configFile: CONFIG, attempts: 1, backoff: 1 };

test('an unknown authority is refused, one in certs.d is trusted, insecure means not to look', { skip }, () =>
  withFolder(async (folder) => {
    const certificate = makeCertificate(folder);
    await using registry = await startFakeRegistry(certificate);
    registry.addManifest('a/latest', '{}', MediaType.ociManifest);

    await using stranger = registryClient(registry.host, fast);
    await assert.rejects(
      stranger.ping(),
      (error) => hasCode(error, 'Unavailable') && new RegExp(`certs.d/${registry.host}/ca.crt`).test(String(error)),
    );

    mkdirSync(join(folder, 'certs.d', registry.host), { recursive: true });
    copyFileSync(join(folder, 'cert.pem'), join(folder, 'certs.d', registry.host, 'ca.crt'));
    const certificateFolders = [join(folder, 'certs.d')];
    await using friend = registryClient(registry.host, { ...fast, certificateFolders });
    await friend.ping();
    assert.equal((await friend.manifest('a', 'latest')).bytes.toString(), '{}');

    await using careless = registryClient(registry.host, { ...fast, insecureRegistries: [registry.host] });
    await careless.ping();
    await using subnet = registryClient(registry.host, { ...fast, insecureRegistries: ['127.0.0.0/8'] });
    await subnet.ping();
    await using other = registryClient(registry.host, { ...fast, insecureRegistries: ['127.0.0.1:1', '10.0.0.0/8'] });
    await assert.rejects(other.ping());
  }),
);

test('a certificate for another host is refused even from a trusted authority', { skip }, () =>
  withFolder(async (folder) => {
    await using registry = await startFakeRegistry(makeCertificate(folder, 'DNS:example.com'));
    mkdirSync(join(folder, 'certs.d', registry.host), { recursive: true });
    copyFileSync(join(folder, 'cert.pem'), join(folder, 'certs.d', registry.host, 'ca.crt'));
    await using client = registryClient(registry.host, { ...fast, certificateFolders: [join(folder, 'certs.d')] });
    await assert.rejects(client.ping(), /certificate is for another host/);
  }),
);

test('an authority in certs.d does not take the usual ones away', { skip }, () =>
  withFolder(async (folder) => {
    const own = makeCertificate(folder);
    await using registry = await startFakeRegistry(own);
    const host = join(folder, 'certs.d', registry.host);
    mkdirSync(host, { recursive: true });
    copyFileSync(join(folder, 'cert.pem'), join(host, 'b.crt'));
    makeCertificate(folder);
    copyFileSync(join(folder, 'cert.pem'), join(host, 'a.crt'));
    await using client = registryClient(registry.host, { ...fast, certificateFolders: [join(folder, 'certs.d')] });
    await client.ping();
  }),
);

test('a client certificate in certs.d is shown to the registry that it is for', { skip }, () =>
  withFolder(async (folder) => {
    const own = makeCertificate(folder);
    await using registry = await startFakeRegistry({
      ...own,
      ca: own.cert,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const host = join(folder, 'certs.d', registry.host);
    mkdirSync(host, { recursive: true });
    writeFileSync(join(host, 'ca.crt'), own.cert);
    const certificateFolders = [join(folder, 'certs.d')];
    await using nobody = registryClient(registry.host, { ...fast, certificateFolders });
    await assert.rejects(nobody.ping(), (error) => hasCode(error, 'Unavailable'));
    writeFileSync(join(host, 'client.cert'), own.cert);
    writeFileSync(join(host, 'client.key'), own.key);
    await using somebody = registryClient(registry.host, { ...fast, certificateFolders });
    await somebody.ping();
  }),
);

test(
  'a registry behind a proxy that ends TLS may call itself http: it is talked to in https all the same',
  { skip },
  () =>
    withFolder(async (folder) => {
      const certificate = makeCertificate(folder);
      await using registry = await startFakeRegistry(certificate);
      registry.intercept = (request, response) => {
        if (request.method !== 'POST') return false;
        registry.uploads.set('one', Buffer.alloc(0));
        return reply(response, 202, { location: `http://${registry.host}/v2/a/blobs/uploads/one` });
      };
      await using client = registryClient(registry.host, { ...fast, insecureRegistries: [registry.host] });
      const content = randomBytes(2 << 20);
      const descriptor = { mediaType: MediaType.ociLayer, digest: digestOf(content), size: content.length };
      await client.sendBlob('a', descriptor, async () =>
        (async function* () {
          yield content;
        })(),
      );
      assert.ok(registry.blobs.has(descriptor.digest));
    }),
);

test('a proxy from the environment carries plain requests and tunnels, and sees no more than it must', { skip }, () =>
  withFolder(async (folder) => {
    const certificate = makeCertificate(folder, 'DNS:registry.test');
    await using plain = await startFakeRegistry();
    await using secure = await startFakeRegistry(certificate);
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const { pathname, search } = new URL(request.url ?? '');
      get({ host: '127.0.0.1', port: plain.host.split(':')[1], path: pathname + search }, (from) => {
        response.writeHead(from.statusCode ?? 500, from.headers);
        from.pipe(response);
      });
    });
    proxy.on('connect', (request, near) => {
      seen.push(`CONNECT ${request.url}`);
      const to = request.url === 'registry.test:443' ? secure : plain;
      const far = connect(Number(to.host.split(':')[1]), '127.0.0.1', () => {
        near.write('HTTP/1.1 200 OK\r\n\r\n');
        near.pipe(far).pipe(near);
      });
      for (const socket of [near, far]) socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const before = { HTTPS_PROXY: process.env['HTTPS_PROXY'], HTTP_PROXY: process.env['HTTP_PROXY'] };
    Object.assign(process.env, { HTTPS_PROXY: address, HTTP_PROXY: address });
    try {
      mkdirSync(join(folder, 'certs.d', 'registry.test'), { recursive: true });
      writeFileSync(join(folder, 'certs.d', 'registry.test', 'ca.crt'), certificate.cert);
      const certificateFolders = [join(folder, 'certs.d')];
      await using tunnelled = registryClient('registry.test', { ...fast, certificateFolders });
      await tunnelled.ping();
      await using forwarded = registryClient('plain.test:5000', { ...fast, insecureRegistries: ['plain.test:5000'] });
      await forwarded.ping();
      assert.deepEqual(
        [...new Set(seen)],
        ['CONNECT registry.test:443', 'CONNECT plain.test:5000', 'GET http://plain.test:5000/v2/'],
      );
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      proxy.closeAllConnections();
      proxy.close();
    }
  }),
);

test('a client certificate without its key is named', { skip }, () =>
  withFolder(async (folder) => {
    await using registry = await startFakeRegistry(makeCertificate(folder));
    const host = join(folder, 'certs.d', registry.host);
    mkdirSync(host, { recursive: true });
    writeFileSync(join(host, 'client.cert'), 'x');
    await using client = registryClient(registry.host, { ...fast, certificateFolders: [join(folder, 'certs.d')] });
    await assert.rejects(client.ping(), /client\.cert has no key beside it/);
  }),
);

test('plain HTTP is taken on this machine only where the peer speaks nothing else', async () => {
  await using registry = await startFakeRegistry();
  await using client = registryClient(registry.host, fast);
  await client.ping();
  await using closed = registryClient('127.0.0.1:1', fast);
  await assert.rejects(
    closed.ping(),
    (error) => hasCode(error, 'Unavailable') && /connection refused/.test(String(error)),
  );
});

test('a mirror in plain HTTP must be named as insecure, and may hold no login', () => {
  const of = (mirror: string, insecureRegistries: string[] = []): unknown =>
    registryClient('docker.io', { mirrors: { 'docker.io': [mirror] }, insecureRegistries });
  assert.throws(
    () => of('http://mirror.example.com'),
    (error) => hasCode(error, 'InvalidArgument'),
  );
  assert.throws(
    () => of('https://user:pw@mirror.example.com'),
    (error) => !String(error).includes('pw'),
  );
  assert.throws(
    () => of('ftp://mirror.example.com'),
    (error) => hasCode(error, 'InvalidArgument'),
  );
  of('http://mirror.example.com', ['mirror.example.com']);
  of('mirror.example.com:5000');
});
