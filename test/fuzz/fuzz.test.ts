import { test } from 'node:test';
import { fuzz } from '../proof/fuzz.ts';

test('whatever bytes come, there is an answer or a refusal', async () => {
  await fuzz.run({ count: 6000, seed: 20_261_120, log() {} });
});
