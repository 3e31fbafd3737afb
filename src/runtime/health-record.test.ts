import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterProbe, type Health, healthPlan } from './health-record.ts';

const startedAt = '2026-01-01T00:00:00.000Z';
const fresh: Health = { status: 'starting', failingStreak: 0, log: [], startedAt };
const probe = (seconds: number, exitCode: number) => {
  const start = new Date(Date.parse(startedAt) + seconds * 1000).toISOString();
  return { start, end: start, exitCode, output: '' };
};
const plan = { retries: 3, startPeriod: 10_000 };

test('a container is unhealthy after as many failures in a row as it has retries', () => {
  let health = fresh;
  const seen: string[] = [];
  for (const seconds of [20, 30, 40]) {
    health = afterProbe(health, probe(seconds, 1), plan);
    seen.push(health.status);
  }
  assert.deepEqual(seen, ['starting', 'starting', 'unhealthy']);
});

test('one success makes it healthy and forgets the failures', () => {
  const failed = afterProbe(afterProbe(fresh, probe(20, 1), plan), probe(30, 1), plan);
  const healthy = afterProbe(failed, probe(40, 0), plan);
  assert.equal(healthy.status, 'healthy');
  assert.equal(afterProbe(healthy, probe(50, 1), plan).failingStreak, 1);
});

test('failures in the start period do not count', () => {
  const early = afterProbe(fresh, probe(5, 1), plan);
  assert.equal(early.failingStreak, 0);
  assert.equal(afterProbe(early, probe(11, 1), plan).failingStreak, 1);
});

test('the last five probes are kept', () => {
  let health = fresh;
  for (let second = 20; second < 40; second++) health = afterProbe(health, probe(second, 0), plan);
  assert.equal(health.log.length, 5);
  assert.equal(health.log[4]?.start, probe(39, 0).start);
});

test('a check is a command, or a line for the shell; NONE is none', () => {
  assert.deepEqual(healthPlan({ healthcheck: { Test: ['CMD-SHELL', 'curl -f x || exit 1'] } })?.command, [
    '/bin/sh',
    '-c',
    'curl -f x || exit 1',
  ]);
  assert.deepEqual(healthPlan({ healthcheck: { Test: ['CMD', 'a', 'b'], Interval: 2e9 } }), {
    command: ['a', 'b'],
    interval: 2000,
    timeout: 30_000,
    startPeriod: 0,
    startInterval: 5000,
    retries: 3,
  });
  assert.equal(healthPlan({ healthcheck: { Test: ['NONE'] } }), undefined);
  assert.equal(healthPlan({}), undefined);
});
