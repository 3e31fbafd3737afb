import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CREATED, changeState, recordedState } from './container-state.ts';
import { recordPaused } from './control.ts';
import { replaceRecord } from './record-file.ts';
import { withStateLock } from './state-lock.ts';

describe('the record of a container’s state', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'overstrata-state-'));
    replaceRecord(join(folder, 'state.json'), CREATED);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('loses no change, however many processes make them', async () => {
    const script = `
      import { changeState } from ${JSON.stringify(import.meta.resolve('./container-state.ts'))};
      for (let i = 0; i < 200; i++)
        changeState(${JSON.stringify(folder)}, (now) => ({ ...now, restarts: now.restarts + 1 }));`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
    assert.deepEqual(codes, [0, 0, 0, 0]);
    assert.equal(recordedState(folder).restarts, 800);
    assert.deepEqual(readdirSync(folder), ['state.json']);
  });

  test('can be changed after somebody was killed while he did', () => {
    for (const holder of ['4194305-1', `${process.pid}-1`, 'nonsense']) {
      symlinkSync(holder, join(folder, 'state.lock'));
      changeState(folder, (now) => ({ ...now, restarts: now.restarts + 1 }));
    }
    assert.equal(recordedState(folder).restarts, 3);
    assert.deepEqual(readdirSync(folder), ['state.json']);
  });

  test('is free again after a change that failed', () => {
    assert.throws(() => withStateLock(folder, () => assert.fail('no')), /no/);
    assert.equal(existsSync(join(folder, 'state.lock')), false);
  });

  test('of a container that is gone says so', () => {
    assert.throws(() => changeState(join(folder, 'gone'), (now) => now), { code: 'NotFound' });
  });

  test('keeps an end that came while the container was paused', () => {
    const running = { ...CREATED, status: 'running', startedAt: '2026-01-01T00:00:00Z' } as const;
    replaceRecord(join(folder, 'state.json'), { ...running, status: 'exited', exitCode: 7 });
    recordPaused(folder, running);
    assert.deepEqual([recordedState(folder).status, recordedState(folder).exitCode], ['exited', 7]);
    replaceRecord(join(folder, 'state.json'), { ...running, startedAt: '2026-01-01T00:00:09Z' });
    recordPaused(folder, running);
    assert.equal(recordedState(folder).status, 'running', 'that is the next run');
    recordPaused(folder, recordedState(folder));
    assert.equal(recordedState(folder).status, 'paused');
  });
});
