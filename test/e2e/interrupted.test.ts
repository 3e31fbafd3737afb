import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs } from '../peers.ts';
import { busyboxTar, outcomeOf, Strata } from '../strata.ts';

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

const runs = { skip: needs('busybox', 'crun', 'conmon'), timeout: 60_000 };

test('signals of a run in the foreground are its container’s, the third ends the command too', runs, async () => {
  await using strata = new Strata();
  await strata.run('import', busyboxTar(strata.folder) as string, 'base:1');

  const counting = `trap 'n=x$n; [ $n = xx ] && exit 0; echo again' INT; echo ready; while :; do sleep 0.05; done`;
  const careful = strata.start(['run', '--rm', 'base:1', 'sh', '-c', counting]);
  careful.stdout?.on('data', () => careful.kill('SIGINT')); // at "ready", and at "again"
  assert.equal((await outcomeOf(careful)).code, 0);

  const deaf = strata.start([
    'run',
    '--name',
    'deaf',
    'base:1',
    'sh',
    '-c',
    'trap "echo no" INT; echo ready; while :; do sleep 0.05; done',
  ]);
  deaf.stdout?.on('data', () => deaf.kill('SIGINT'));
  const { code, stderr } = await outcomeOf(deaf);
  assert.equal(code, 130);
  assert.match(stderr, /deaf goes on/);
  assert.equal((await strata.run('ps', '--format', '{{.Names}}')).trim(), 'deaf');
});
