import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stopContainer } from './control.ts';
import { readEvents } from './events.ts';
import { getContainer, requireContainer } from './find-container.ts';
import { reapContainers } from './finish.ts';
import { readLogs } from './logs.ts';
import { cannotRun, gather, leftovers, TestMachine, until } from './testing.ts';

const skip = cannotRun();

describe('a foreground run', { skip, timeout: 120_000 }, () => {
  let machine: TestMachine;
  before(() => {
    machine = new TestMachine();
  });
  after(async () => {
    await machine[Symbol.asyncDispose]();
    assert.deepEqual(leftovers(machine.root), []);
  });

  test('ends with the exit code of its command', async () => {
    assert.equal((await machine.run(['true'], { autoRemove: true })).exitCode, 0);
    assert.equal((await machine.run(['false'], { autoRemove: true })).exitCode, 1);
    assert.equal((await machine.run(['sh', '-c', 'exit 42'], { autoRemove: true })).exitCode, 42);
  });

  test('says 127 for a command that is not there, 126 for one that is no program', async () => {
    const layers = [machine.layer((folder) => writeFileSync(join(folder, 'note'), 'text', { mode: 0o644 }))];
    assert.equal((await machine.run(['nothing'], { autoRemove: true })).exitCode, 127);
    assert.equal((await machine.run(['/note'], { layers, autoRemove: true })).exitCode, 126);
  });

  test('has the user, groups, environment, directory and names that were asked', async () => {
    const { stdout } = await machine.run(['sh', '-c', 'id; pwd; echo $A $B $HOME $HOSTNAME; cat /etc/hostname'], {
      config: { User: 'ann', Env: ['A=image', 'B=image'], WorkingDir: '/made/here' },
      env: ['A=asked'],
      hostname: 'stone',
      autoRemove: true,
    });
    assert.equal(
      stdout,
      'uid=1000(ann) gid=1001(ann) groups=1001(ann),1002(print)\n/made/here\nasked image /home/ann stone\nstone\n',
    );
  });

  test('replaces CMD by arguments, and ENTRYPOINT together with CMD', async () => {
    const config = { Entrypoint: ['echo', 'entry'], Cmd: ['command'] };
    assert.equal((await machine.run([], { config, autoRemove: true })).stdout, 'entry command\n');
    assert.equal((await machine.run(['given'], { config, autoRemove: true })).stdout, 'entry given\n');
    assert.equal((await machine.run([], { config, entrypoint: ['id', '-u'], autoRemove: true })).stdout, '0\n');
  });

  test('reads stdin, and keeps a log of both streams unless it is removed', async () => {
    const { stdout, stderr, container } = await machine.run(
      ['sh', '-c', 'cat; echo err >&2; seq 1 4000 | tr -d "\\n"'],
      { stdin: 'some words\n' },
    );
    const numbers = Array.from({ length: 4000 }, (_, n) => n + 1).join('');
    assert.equal(stdout, `some words\n${numbers}`);
    assert.equal(stderr, 'err\n');
    const lines = await gather(readLogs(container));
    assert.deepEqual(
      lines.map(({ stream, data }) => `${stream} ${data}`).sort(),
      ['stderr err\n', 'stdout some words\n', `stdout ${numbers}`].sort(),
    );
    assert.equal(requireContainer(machine.root, container.name).state.status, 'exited');
  });

  test('is confined: few capabilities, a filter for system calls, no network but lo, hidden files of the kernel', async () => {
    const show =
      'grep -E "^(CapEff|Seccomp):" /proc/self/status; cat /proc/net/dev; cat /proc/kcore | head -c 1; ls /sys/firmware; touch /proc/sys/x';
    const { stdout, stderr } = await machine.run(['sh', '-c', show], { autoRemove: true });
    assert.match(stdout, /CapEff:\t0000000[0-9a-f]*a80425fb/);
    assert.match(stdout, /Seccomp:\t2/);
    assert.doesNotMatch(stdout, /eth0/);
    assert.match(stderr, /touch: \/proc\/sys\/x/);
  });

  test('mounts binds, volumes and tmpfs, read-only where asked', async () => {
    const shared = machine.layer((folder) => writeFileSync(join(folder, 'file'), 'from outside\n'));
    const { stdout, exitCode } = await machine.run(
      [
        'sh',
        '-c',
        'cat /deep/in/file; touch /deep/in/x 2>/dev/null || echo refused; echo kept > /vol/x; mount | grep -c "on /scratch type tmpfs"; touch /x 2>/dev/null || echo read-only',
      ],
      {
        readOnly: true,
        autoRemove: true,
        mounts: [
          { type: 'bind', source: shared, target: '/deep/in', readOnly: true },
          { type: 'volume', name: 'books', target: '/vol' },
          { type: 'tmpfs', target: '/scratch', options: ['size=1m'] },
        ],
      },
    );
    assert.equal(stdout, 'from outside\nrefused\n1\nread-only\n');
    assert.equal(exitCode, 0);
    assert.equal(readFileSync(join(machine.root, 'volumes/books/_data/x'), 'utf8'), 'kept\n');
  });

  test('tells the journal when it starts, dies and is removed', async () => {
    const { container } = await machine.run(['false'], { autoRemove: true, labels: { part: 'one' } });
    const events = await gather(readEvents(machine.root, { accept: ({ id }) => id === container.id }));
    assert.deepEqual(
      events.map(({ action }) => action),
      ['create', 'start', 'die', 'destroy'],
    );
    assert.equal(events[2]?.attributes['exitCode'], '1');
    assert.equal(events[2]?.attributes['part'], 'one');
    assert.equal(getContainer(machine.root, container.id), undefined);
  });

  test('whose command is killed goes on, can be stopped, and is finished by whoever comes next', async () => {
    const container = await machine.create(['sleep', '60']);
    machine.snapshot(container);
    const code = `
      const { runForeground } = await import(${JSON.stringify(join(import.meta.dirname, 'run.ts'))});
      const { requireContainer } = await import(${JSON.stringify(join(import.meta.dirname, 'find-container.ts'))});
      const options = ${JSON.stringify(machine.snapshot(container))};
      await runForeground(${JSON.stringify(machine.root)}, requireContainer(${JSON.stringify(machine.root)}, '${container.id}'), options);`;
    const command = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' });
    await until(() => (requireContainer(machine.root, container.id).state.pid > 0 ? true : undefined));
    await killed(command);
    const { state } = requireContainer(machine.root, container.id);
    assert.equal(state.status, 'running');
    process.kill(state.pid, 'SIGKILL');
    await until(() => (requireContainer(machine.root, container.id).state.status === 'exited' ? true : undefined));
    assert.deepEqual(
      (await reapContainers(machine.root)).map(({ id }) => id),
      [container.id],
    );
    assert.deepEqual(await reapContainers(machine.root), []);
    await stopContainer(machine.root, requireContainer(machine.root, container.id));
    assert.equal(existsSync(join(container.folder, 'bundle/finishing')), false);
  });

  test('of one snapshot is refused a second time while the first lasts', async () => {
    const container = await machine.create(['sleep', '60'], { autoRemove: true });
    const { runForeground } = await import('./run.ts');
    const running = runForeground(machine.root, container, machine.snapshot(container), { proxySignals: false });
    await until(() => (requireContainer(machine.root, container.id).state.pid > 0 ? true : undefined));
    await assert.rejects(runForeground(machine.root, container, machine.snapshot(container)), { code: 'Conflict' });
    await stopContainer(machine.root, requireContainer(machine.root, container.id), { timeout: 0 });
    assert.equal((await running).exitCode, 137);
  });
});

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
