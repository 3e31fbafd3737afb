import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, readAll } from '../std/index.ts';
import { openTransport, type Transport } from './transport.ts';

const limits = { connectTimeout: 1000, answerTimeout: 1000, idleTimeout: 1000 };

async function withServer(
  listener: RequestListener,
  work: (url: URL, transport: Transport, connections: () => number) => Promise<void>,
  options: Partial<typeof limits> = {},
): Promise<void> {
  let connections = 0;
  const server = createServer(listener).on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  await using transport = openTransport({
    ...limits,
    ...options,
    certificateFolders: [],
    isInsecure: () => false,
  });
  try {
    await work(url, transport, () => connections);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a connection is used again once the body is read or dumped', () =>
  withServer(
    (_, response) => response.writeHead(200, { 'content-length': '7' }).end('content'),
    async (url, transport, connections) => {
      for (let turn = 0; turn < 4; turn++) {
        const { status, body } = await transport.send(url, { method: turn % 2 === 0 ? 'GET' : 'HEAD' });
        assert.equal(status, 200);
        if (turn === 0) assert.equal((await readAll(body, { limit: 100, what: 'body' })).toString(), 'content');
        else await body.dump();
        await sleep(20); // it goes back after the last byte
      }
      assert.equal(connections(), 1);
    },
  ));

test('a large body arrives whole however slowly it is read, and its server waits', () => {
  const content = Buffer.alloc(64 << 20, 'x'); // far more than the kernel's own buffers hold
  let handedOver = 0;
  return withServer(
    async (_, response) => {
      for (let at = 0; at < content.length; at += 1 << 16) {
        if (!response.write(content.subarray(at, at + (1 << 16)))) await once(response, 'drain');
        handedOver = at;
      }
      response.end();
    },
    async (url, transport) => {
      const { body } = await transport.send(url, { method: 'GET' });
      let size = 0;
      for await (const chunk of body) {
        if (size === 0) {
          await sleep(200);
          assert.ok(handedOver < content.length - (1 << 20), 'what nobody reads is not taken in');
        }
        size += chunk.length;
      }
      assert.equal(size, content.length);
    },
  );
});

test('a server that switches to another protocol gave no answer', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using transport = openTransport({ ...limits, certificateFolders: [], isInsecure: () => false });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  try {
    await assert.rejects(transport.send(url, { method: 'GET' }), (error) => {
      assert.ok(hasCode(error, 'Unavailable'));
      return /without an answer/.test((error as Error).message);
    });
  } finally {
    server.close();
  }
});

test('a body that ends early is an error, and so is one that stops', () =>
  withServer(
    (request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345');
      if (request.url === '/cut') setTimeout(() => response.destroy(), 20);
    },
    async (url, transport) => {
      for (const [path, message] of [
        ['/cut', /closed the connection/],
        ['/stop', /stopped sending/],
      ] as const) {
        const { body } = await transport.send(new URL(path, url), { method: 'GET' });
        await assert.rejects(readAll(body, { limit: 100, what: 'body' }), (error) => {
          assert.match(String(error), message);
          return hasCode(error, 'Unavailable');
        });
      }
    },
    { idleTimeout: 200 },
  ));

test('an answer that comes before the body is sent ends the sending, and the next request works', () => {
  let asked = 0;
  return withServer(
    (request, response) => {
      asked++;
      if (request.method === 'PUT') response.writeHead(403).end('no');
      else response.end('yes');
    },
    async (url, transport) => {
      let made = 0;
      let closed = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            made++;
            yield Buffer.alloc(1 << 16);
          }
        } finally {
          closed = true;
        }
      }
      const { status, body } = await transport.send(url, { method: 'PUT', body: endless });
      assert.equal(status, 403);
      await body.dump();
      await sleep(50);
      const before = made;
      await sleep(50);
      assert.deepEqual([made, closed], [before, true]);
      const next = await transport.send(url, { method: 'GET' });
      assert.equal((await readAll(next.body, { limit: 100, what: 'body' })).toString(), 'yes');
      assert.equal(asked, 2);
    },
  );
});

test('a body that fails while it is made fails the request with its own error', () =>
  withServer(
    (request, response) => {
      request.resume();
      request.on('end', () => response.end());
    },
    async (url, transport) => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('x');
        await sleep(10);
        throw new Error('the disk is gone');
      }
      await assert.rejects(transport.send(url, { method: 'PUT', body: failing }), /the disk is gone/);
    },
  ));

test('an abort ends a request and a body with its own reason', () =>
  withServer(
    (request, response) => {
      if (request.url === '/silent') return;
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345');
    },
    async (url, transport) => {
      for (const path of ['/silent', '/body']) {
        const abort = new AbortController();
        const reason = new Error(`enough of ${path}`);
        setTimeout(() => abort.abort(reason), 50);
        await assert.rejects(async () => {
          const { body } = await transport.send(new URL(path, url), { method: 'GET', signal: abort.signal });
          await readAll(body, { limit: 100, what: 'body' });
        }, reason);
      }
    },
  ));

test('an address that takes no connection is given up in time', async () => {
  const server = createTcpServer({ pauseOnConnect: true }); // takes connections, and never speaks TLS
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using transport = openTransport({
    ...limits,
    connectTimeout: 200,
    certificateFolders: [],
    isInsecure: () => false,
  });
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await assert.rejects(transport.send(url, { method: 'GET' }), /no connection within/);
  server.close();
});
