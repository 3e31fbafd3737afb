import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { answersPlainly } from './plain-probe.ts';

async function probe(server: Server): Promise<boolean> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await answersPlainly('127.0.0.1', (server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

test('a server that answers a TLS greeting in HTTP is plain', async () => {
  assert.equal(await probe(createHttpServer()), true);
});

test('a server that speaks TLS, another protocol, or nothing, is not plain', async () => {
  const tls = createTlsServer({});
  tls.on('tlsClientError', () => {});
  assert.equal(await probe(tls), false);
  assert.equal(await probe(createServer((socket) => socket.end('220 smtp\r\n'))), false);
  assert.equal(await probe(createServer((socket) => socket.end())), false);
  assert.equal(await answersPlainly('127.0.0.1', 1), false);
});
