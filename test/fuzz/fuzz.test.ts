import { test } from 'node:test';
import { dockerfileFuzz } from '../proof/dockerfile-fuzz.ts';
import { fuzz } from '../proof/fuzz.ts';

test('whatever bytes come, there is an answer or a refusal', async () => {
  await fuzz.run({ count: 6000, seed: 20_261_120, log() {} });
});

test('whatever a Dockerfile says, there are instructions or a refusal, and what is printed reads the same', async () => {
  await dockerfileFuzz.run({ count: 10_000, seed: 20_261_120, log() {} });
});
