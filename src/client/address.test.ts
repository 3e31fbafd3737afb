import assert from 'node:assert/strict';
import test from 'node:test';
import {
  checkLiteral,
  guardedLookup,
  hostnameOf,
  isLoopbackHost,
  mayPointTo,
  type Reach,
  reachOf,
  reachOfHost,
} from './address.ts';
import { proxyFor } from './proxy.ts';

test('an address is told by who can be behind it, whatever it is wrapped in', () => {
  const cases: Record<Reach, string[]> = {
    public: ['8.8.8.8', '2600::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1', '172.32.0.1'],
    private: [
      ...[
        '10.1.2.3',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        '100.64.0.1',
        '0.0.0.0',
        '224.0.0.1',
        '255.255.255.255',
      ],
      ...[
        '::',
        'fc00::1',
        'fd12::1',
        'fec0::1',
        'ff02::1',
        '::ffff:10.0.0.1',
        '::ffff:a00:1',
        '2002:a00:1::',
        '64:ff9b::a00:1',
        '::10.0.0.1',
      ],
    ],
    loopback: ['127.0.0.1', '127.255.0.1', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
    'link-local': ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe'],
  };
  for (const [reach, addresses] of Object.entries(cases)) {
    for (const address of addresses) assert.equal(reachOf(address), reach, address);
  }
});

test('a registry may point outward and into its own network, never deeper', () => {
  const reaches: Reach[] = ['public', 'private', 'loopback', 'link-local'];
  const allowed = reaches.map((registry) => reaches.filter((target) => mayPointTo(registry, target)));
  assert.deepEqual(allowed, [
    ['public'],
    ['public', 'private'],
    ['public', 'private', 'loopback'],
    ['public', 'private', 'link-local'],
  ]);
});

test('hosts lose their port and brackets, this machine is known by name', async () => {
  assert.equal(hostnameOf('[::1]:5000'), '::1');
  assert.equal(hostnameOf('::1'), '::1');
  assert.equal(hostnameOf('example.com:5000'), 'example.com');
  for (const host of ['localhost', 'localhost:5000', 'a.localhost', '127.0.0.1', '127.9.9.9:1', '[::1]:5000']) {
    assert.ok(isLoopbackHost(host), host);
    assert.equal(await reachOfHost(host), 'loopback');
  }
  for (const host of ['example.com', '10.0.0.1', 'localhost.example.com', '128.0.0.1'])
    assert.ok(!isLoopbackHost(host), host);
  assert.equal(await reachOfHost('10.0.0.1:5000'), 'private');
});

test('literal addresses are checked, names where they are resolved', async () => {
  assert.throws(() => checkLiteral('10.0.0.1:80', 'public'), /may not/);
  assert.throws(() => checkLiteral('[::ffff:169.254.169.254]', 'loopback'), /may not/);
  assert.throws(() => checkLiteral('localhost', 'public'), /may not/);
  checkLiteral('example.com', 'public');
  checkLiteral('10.0.0.1', 'private');
  const resolve = (reach: Reach): Promise<unknown> =>
    new Promise((done) => guardedLookup(reach)('localhost', {}, (error, address) => done(error ?? address)));
  assert.match(String(await resolve('public')), /inner network/);
  assert.match(String(await resolve('loopback')), /^(127\.0\.0\.1|::1)$/);
});

test('proxies come from the environment by the rules of Go', () => {
  const environment = {
    HTTPS_PROXY: 'proxy:3128',
    http_proxy: 'http://plain:8080',
    NO_PROXY: 'example.com, .inner.org,10.0.0.0/8,special.net:5000,[::2]',
  };
  const cases: [string, string | undefined][] = [
    ['https://registry-1.docker.io', 'http://proxy:3128'],
    ['http://other.net', 'http://plain:8080'],
    ['https://example.com', undefined],
    ['https://a.example.com', undefined],
    ['https://notexample.com', 'http://proxy:3128'],
    ['https://inner.org', 'http://proxy:3128'],
    ['https://a.inner.org', undefined],
    ['https://10.1.2.3', undefined],
    ['https://11.1.2.3', 'http://proxy:3128'],
    ['https://special.net:5000', undefined],
    ['https://special.net', 'http://proxy:3128'],
    ['https://127.0.0.1:5000', undefined],
    ['https://localhost', undefined],
  ];
  for (const [url, proxy] of cases) assert.equal(proxyFor(new URL(url), environment), proxy, url);
  assert.equal(proxyFor(new URL('https://a.b'), { HTTPS_PROXY: 'p:1', NO_PROXY: '*' }), undefined);
  assert.equal(proxyFor(new URL('https://a.b'), { HTTP_PROXY: 'p:1' }), undefined);
});
