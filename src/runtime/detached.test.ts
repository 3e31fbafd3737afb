import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { renameContainer, updateContainer } from './amend-container.ts';
import { attachContainer, resizeContainer } from './attach.ts';
import type { Container } from './container.ts';
import {
  killContainer,
  pauseContainer,
  removeContainer,
  stopContainer,
  unpauseContainer,
  waitContainer,
} from './control.ts';
import { StartError, startDetached } from './detached.ts';
import { execDetached, execInContainer } from './exec.ts';
import { getContainer, listContainers, requireContainer } from './find-container.ts';
import { readLogs } from './logs.ts';
import type { CreateOptions } from './options.ts';
import { watchStats } from './stats.ts';
import { cannotRun, gather, leftovers, TestMachine, until } from './testing.ts';
import { topContainer } from './top.ts';

describe('a detached container', { skip: cannotRun('conmon'), timeout: 120_000 }, () => {
  let machine: TestMachine;
  before(() => {
    machine = new TestMachine();
  });
  after(async () => {
    await machine[Symbol.asyncDispose]();
    assert.deepEqual(leftovers(machine.root), []);
  });

  async function start(command: readonly string[], options: Partial<CreateOptions> = {}): Promise<Container> {
    const container = await machine.create(command, options);
    await startDetached(machine.root, container, machine.snapshot(container), {
      exitCommand: machine.exitCommand(container),
    });
    return requireContainer(machine.root, container.id);
  }
  const now = (container: Container): Container => requireContainer(machine.root, container.id);

  test('outlives its command, logs, and ends with its code', async () => {
    const container = await start(['sh', '-c', 'echo out; echo err >&2; sleep 0.3; exit 7'], { name: 'first' });
    assert.equal(container.state.status, 'running');
    assert.equal(await waitContainer(machine.root, container), 7);
    assert.equal(now(container).state.exitCode, 7);
    const lines = (await gather(readLogs(container))).map(({ stream, data }) => `${stream} ${data}`);
    assert.deepEqual(lines.sort(), ['stderr err\n', 'stdout out\n']);
    await removeContainer(machine.root, now(container));
    assert.equal(getContainer(machine.root, 'first'), undefined);
  });

  test('is not harmed by a second start that took it for stopped', async () => {
    const before = await machine.create(['sleep', '60']);
    const snapshot = machine.snapshot(before);
    const starting = (): Promise<void> =>
      startDetached(machine.root, before, snapshot, { exitCommand: machine.exitCommand(before) });
    await starting();
    const { pid } = now(before).state;
    await assert.rejects(starting(), { code: 'Conflict' });
    assert.equal(now(before).state.pid, pid);
    await removeContainer(machine.root, now(before), { force: true });
  });

  test('is found by name, id and a prefix that is its alone', async () => {
    const container = await machine.create(['true'], { name: 'findable' });
    assert.equal(getContainer(machine.root, 'findable')?.id, container.id);
    assert.equal(getContainer(machine.root, container.id.slice(0, 12))?.id, container.id);
    await assert.rejects(machine.create(['true'], { name: 'findable' }), { code: 'AlreadyExists' });
    const renamed = await renameContainer(machine.root, container, 'renamed');
    assert.equal(getContainer(machine.root, 'findable'), undefined);
    assert.equal(getContainer(machine.root, 'renamed')?.name, 'renamed');
    await removeContainer(machine.root, renamed);
  });

  test('is stopped by its signal, or killed after its time', async () => {
    const polite = await start(['sh', '-c', 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done']);
    for await (const _ of readLogs(polite, { follow: true })) break;
    await stopContainer(machine.root, polite, { timeout: 5 });
    assert.equal(now(polite).state.exitCode, 3);
    const deaf = await start(['sleep', '60']);
    await assert.rejects(removeContainer(machine.root, deaf), { code: 'Conflict' });
    await stopContainer(machine.root, deaf, { timeout: 0 });
    assert.equal(now(deaf).state.exitCode, 137);
  });

  test('that can’t start says why, and with which code', async () => {
    const container = await machine.create(['nothing'], { restart: { name: 'always' } });
    await assert.rejects(
      startDetached(machine.root, container, machine.snapshot(container), {
        exitCommand: machine.exitCommand(container),
      }),
      (error) => error instanceof StartError && error.exitCode === 127,
    );
    await sleep(500); // conmon has its exit command run all the same
    const { status, exitCode, restarts } = now(container).state;
    assert.deepEqual([status, exitCode, restarts], ['created', 127, 0]);
    await removeContainer(machine.root, now(container));
  });

  test('takes execs: their codes, streams, users; pauses; shows processes and what it uses; takes new limits', async () => {
    const container = await start(['sleep', '60']);
    const stdout = new PassThrough();
    const text = stdout.setEncoding('utf8').toArray();
    const result = await execInContainer(machine.root, container, {
      command: ['sh', '-c', 'id -u; echo $A; exit 9'],
      user: 'ann',
      env: ['A=b'],
      streams: { stdout },
      proxySignals: false,
    });
    stdout.end();
    assert.deepEqual([result.exitCode, (await text).join('')], [9, '1000\nb\n']);
    await execDetached(machine.root, container, { command: ['sleep', '50'] });
    const { titles, rows } = await topContainer(container);
    assert.deepEqual(rows.map((row) => row[titles.indexOf('CMD')]).sort(), ['sleep 50', 'sleep 60']);
    for await (const stats of watchStats(container, { interval: 50 })) {
      assert.ok(stats.memory > 0 && stats.pids === 2, JSON.stringify(stats));
      break;
    }
    const updated = await updateContainer(machine.root, container, { resources: { pids: 50 } });
    assert.equal(updated.resources.pids, 50);
    await pauseContainer(machine.root, container);
    assert.equal(now(container).state.status, 'paused');
    await assert.rejects(execInContainer(machine.root, container, { command: ['true'] }), { code: 'Conflict' });
    await unpauseContainer(machine.root, container);
    await killContainer(machine.root, container);
    assert.equal(await waitContainer(machine.root, container), 137);
  });

  test('with a policy is started again, and not once it was stopped', async () => {
    const container = await start(['sh', '-c', 'echo again; exit 1'], {
      restart: { name: 'on-failure', maximumRetries: 2 },
    });
    await until(() => {
      const { status, restarts } = now(container).state;
      return status === 'exited' && restarts === 2 ? true : undefined;
    });
    assert.equal((await gather(readLogs(container))).length, 3);
    const always = await start(['sleep', '60'], { restart: { name: 'always' } });
    await stopContainer(machine.root, always, { timeout: 0 });
    assert.equal(now(always).state.status, 'exited');
  });

  test('that goes with its end goes', async () => {
    const container = await start(['true'], { autoRemove: true });
    await until(() => (getContainer(machine.root, container.id) ? undefined : true));
  });

  test('with a terminal is attached to, sized, left by its keys and entered again', async () => {
    const container = await machine.create(['sh'], { tty: true, openStdin: true });
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    let seen = '';
    stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
    });
    let first: ReturnType<typeof attachContainer> | undefined;
    await startDetached(machine.root, container, machine.snapshot(container), {
      exitCommand: machine.exitCommand(container),
      beforeStart: async () => {
        first = attachContainer(machine.root, container, { stdin, stdout });
      },
    });
    resizeContainer(container, { rows: 31, columns: 97 });
    stdin.write('echo size $(stty size)\n');
    await until(() => (seen.includes('size 31 97') ? true : undefined));
    stdin.write('\x10\x11');
    assert.equal(await first?.ended, 'detached');
    assert.equal(now(container).state.status, 'running');
    const again = new PassThrough();
    const screen = Object.assign(new PassThrough(), { isTTY: true, rows: 40, columns: 100 });
    screen.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const second = attachContainer(machine.root, now(container), { stdin: again, stdout: screen });
    again.write('sleep 0.2; echo now $(stty size)\n');
    await until(() => (seen.includes('now 40 100') ? true : undefined));
    again.write('exit 5\n');
    assert.equal(await second.ended, 'exited');
    assert.equal(await waitContainer(machine.root, container), 5);
    assert.ok((await listContainers(machine.root)).some(({ id }) => id === container.id));
  });
});
