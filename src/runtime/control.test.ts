import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { EngineError } from '../std/index.ts';
import type { Container } from './container.ts';
import { containerExited } from './container-exit.ts';
import { changeState } from './container-state.ts';
import { removeContainer, stopContainer } from './control.ts';
import { createContainer } from './create-container.ts';
import { getContainer, requireContainer } from './find-container.ts';
import { bundleOf, runFolder } from './folders.ts';
import type { CreateOptions } from './options.ts';
import { announceStart, recordStart } from './prepare-start.ts';
import { identify } from './process-identity.ts';

describe('commands on one container at once', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'overstrata-control-'));
  });
  afterEach(() => {
    rmSync(runFolder(root), { recursive: true, force: true });
    rmSync(root, { recursive: true });
  });

  const create = (options: Partial<CreateOptions> = {}): Promise<Container> =>
    createContainer(root, { image: { name: 'x', config: {} }, driver: 'overlay', command: ['true'], ...options });
  const again = ({ id }: Container): Container => requireContainer(root, id);

  test('a container that somebody starts is not removed without force, nor started twice', async () => {
    const container = await create();
    const other = spawn('sleep', ['30']);
    try {
      const watcher = identify(other.pid as number);
      changeState(container.folder, (now) => ({ ...now, ...(watcher && { watcher }) }));
      await assert.rejects(removeContainer(root, container), { code: 'Conflict', message: /is being started/ });
      assert.throws(() => announceStart(again(container)), { code: 'Conflict' });
      await removeContainer(root, container, { force: true });
      assert.equal(getContainer(root, container.id), undefined);
    } finally {
      other.kill();
    }
  });

  test('a start whose container was removed says so', async () => {
    const container = await create();
    using _ = announceStart(container);
    await removeContainer(root, container);
    assert.throws(() => recordStart(root, container, { monitored: true }), {
      code: 'NotFound',
      message: /removed meanwhile/,
    });
  });

  test('a start that fails leaves the container to others', async () => {
    const container = await create();
    announceStart(container)[Symbol.dispose]();
    assert.equal(again(container).state.watcher, undefined);
    announceStart(container);
    recordStart(root, container, { monitored: false, holder: identify(process.pid) as never });
    await assert.rejects(removeContainer(root, container), { code: 'Conflict', message: /is running/ });
    rmSync(join(bundleOf(container.folder), 'pid'), { force: true });
    changeState(container.folder, (now) => ({ ...now, status: 'exited' }));
  });

  /** A container with a policy whose process has just ended, as conmon tells it. */
  async function ended(): Promise<Container> {
    const container = await create({ restart: { name: 'always' } });
    recordStart(root, container, { monitored: true });
    writeFileSync(join(bundleOf(container.folder), container.id), '3');
    return container;
  }

  test('a restart that can not succeed ends the container, one that comes at a bad moment is tried again', async () => {
    for (const [failures, status] of [
      [[new EngineError('Internal', 'no mount')], 'exited'],
      [[new EngineError('Conflict', 'its files are in use')], 'running'],
    ] as const) {
      const container = await ended();
      const left = [...failures] as Error[];
      const restart = async (now: Container): Promise<void> => {
        const failure = left.shift();
        if (failure) throw failure;
        recordStart(root, now, { monitored: true, restarts: 1, watcher: identify(process.pid) as never });
      };
      const exited = containerExited(root, container.id, { restart, removed: async () => {} });
      if (status === 'exited') await assert.rejects(exited, /no mount/);
      else await exited;
      const { state } = again(container);
      assert.equal(state.status, status);
      assert.equal(state.error, status === 'exited' ? 'no mount' : undefined);
      if (status === 'exited') assert.equal(state.exitCode, 3);
      else changeState(container.folder, (now) => ({ ...now, status: 'exited' }));
    }
  });

  test('a stop before a restart prevents it', async () => {
    const container = await ended();
    const restart = async (now: Container): Promise<void> => {
      await stopContainer(root, now);
      recordStart(root, now, { monitored: true, restarts: 1 });
    };
    await containerExited(root, container.id, { restart, removed: async () => {} });
    assert.equal(again(container).state.status, 'exited');
  });
});
