import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { outcomeOf, Strata } from '../strata.ts';

/** A registry that takes every request and never answers one. */
test('a signal ends a verb that waits for a registry', { timeout: 60_000 }, async () => {
  await using strata = new Strata();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const image = `127.0.0.1:${(server.address() as AddressInfo).port}/silent:1`;
    for (const args of [
      ['pull', image],
      ['copy', `docker://${image}`, `oci:${join(strata.folder, 'layout')}`],
    ]) {
      const asked = once(server, 'request');
      const command = strata.start(args);
      const outcome = outcomeOf(command);
      await asked;
      command.kill('SIGTERM');
      const late = setTimeout(() => command.kill('SIGKILL'), 10_000);
      assert.equal((await outcome).code, 143, args.join(' '));
      clearTimeout(late);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
