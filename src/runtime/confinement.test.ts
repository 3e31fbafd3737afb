import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { capabilitiesFor } from './capabilities.ts';
import { DetachKeys } from './detach-keys.ts';
import { cleanTarget, mergeEnv } from './merge-options.ts';
import { rlimitsFor } from './resources.ts';
import { defaultSeccomp, parseSeccomp } from './seccomp.ts';
import { parseSignal } from './signals.ts';
import { cannotRun, leftovers, TestMachine } from './testing.ts';

const ALL = (1n << 41n) - 1n;
const plain = {
  privileged: false,
  capAdd: [],
  capDrop: [],
  seccomp: 'default',
  noNewPrivileges: false,
  labels: [],
  unmaskPaths: false,
};

test('capabilities are docker’s fourteen, with what is added and dropped', () => {
  assert.equal(capabilitiesFor(plain, ALL).length, 14);
  assert.ok(capabilitiesFor({ ...plain, capAdd: ['net_admin'] }, ALL).includes('CAP_NET_ADMIN'));
  assert.deepEqual(capabilitiesFor({ ...plain, capDrop: ['ALL'], capAdd: ['CAP_CHOWN'] }, ALL), ['CAP_CHOWN']);
  assert.equal(capabilitiesFor({ ...plain, capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] }, ALL).length, 40);
  assert.equal(capabilitiesFor({ ...plain, privileged: true }, ALL).length, 41);
  assert.deepEqual(capabilitiesFor({ ...plain, privileged: true }, 1n), ['CAP_CHOWN']);
  assert.throws(() => capabilitiesFor({ ...plain, capAdd: ['NOTHING'] }, ALL), { code: 'InvalidArgument' });
});

test('no system call is both allowed and refused by the default profile, and no address family but the harmless is open', () => {
  for (const capabilities of [[], ['CAP_SYS_ADMIN'], capabilitiesFor(plain, ALL)]) {
    const { syscalls } = defaultSeccomp(capabilities, 'x64');
    const names = syscalls.filter(({ args }) => !args).map((rule) => new Set(rule.names));
    assert.equal(
      names.reduce((total, set) => total + set.size, 0),
      new Set(names.flatMap((set) => [...set])).size,
    );
    assert.ok(!names.some((set) => set.has('socket') || set.has('socketcall')));
    const families = syscalls.filter(({ names: [name] }) => name === 'socket').flatMap(({ args }) => args ?? []);
    const opens = (family: number): boolean =>
      families.some(({ op, value }) =>
        op === 'SCMP_CMP_EQ' ? family === value : op === 'SCMP_CMP_LT' ? family < value : true,
      );
    assert.deepEqual([1, 2, 10, 16, 17, 38, 40, 2 ** 32 + 38].map(opens), [
      true,
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  }
});

test('a profile in docker’s format is read by architecture, capabilities and kernel', () => {
  const profile = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['a'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['b'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['c'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64'], minKernel: '4.8' } },
      { names: ['d'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '9.0' } },
    ],
  });
  const read = (capabilities: string[]): string[] =>
    parseSeccomp(profile, capabilities, { architecture: 'x64', kernel: '6.1.0' }).syscalls.flatMap(
      ({ names }) => names,
    );
  assert.deepEqual(read([]), ['b', 'c']);
  assert.deepEqual(read(['CAP_SYS_ADMIN']), ['a', 'c']);
  assert.throws(() => parseSeccomp('{', []), { code: 'InvalidArgument' });
});

test('limits of processes stay below our own', () => {
  const limits = `${'Max open files'.padEnd(26)}${'1024'.padEnd(21)}${'2000'.padEnd(21)}files\n`;
  const [limit] = rlimitsFor([{ name: 'nofile', soft: 1000, hard: 1500 }], limits);
  assert.deepEqual(limit, { type: 'RLIMIT_NOFILE', soft: 1000, hard: 1500 });
  assert.throws(() => rlimitsFor([{ name: 'nofile', soft: 5, hard: 4 }], limits), { code: 'InvalidArgument' });
  assert.throws(() => rlimitsFor([{ name: 'nothing', soft: 5, hard: 6 }], limits), { code: 'InvalidArgument' });
});

test('signals have numbers, with and without SIG', () => {
  assert.deepEqual(['9', 'KILL', 'sigterm', 'RTMIN+3', 'SIGRTMAX'].map(parseSignal), [9, 9, 15, 37, 64]);
  for (const text of ['', '0', '65', 'NOPE', 'RTMIN-1', '-9'])
    assert.throws(() => parseSignal(text), { code: 'InvalidArgument' }, text);
});

test('a mount target is absolute, clean and never the root', () => {
  assert.equal(cleanTarget('/a/../b//./c/'), '/b/c');
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '..', '.', '', 'b')), (parts) => {
      try {
        assert.match(cleanTarget(`/${parts.join('/')}`), /^(\/(a|b))+$/);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'InvalidArgument');
      }
    }),
  );
});

test('a later value of a variable takes the place of an earlier one', () => {
  assert.deepEqual(mergeEnv(['A=1', 'B=2'], ['A=3', 'C=']), ['A=3', 'B=2', 'C=']);
});

test('detach keys are found however what is typed is cut, and nothing else is lost', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 4 })), (chunks) => {
      const keys = new DetachKeys('ctrl-p,ctrl-q');
      const whole = Buffer.concat(chunks);
      const at = whole.indexOf(Buffer.of(16, 17));
      const passed: Buffer[] = [];
      let detached = false;
      for (const chunk of chunks) {
        if (detached) break;
        const { pass, detach } = keys.take(chunk);
        passed.push(pass);
        detached = detach;
      }
      assert.equal(detached, at >= 0);
      const expected = at >= 0 ? whole.subarray(0, at) : whole.at(-1) === 16 ? whole.subarray(0, -1) : whole;
      assert.deepEqual(Buffer.concat(passed), Buffer.from(expected));
    }),
  );
});

describe('a container of the host’s own programs', {
  skip: cannotRun() || (existsSync('/usr/bin/python3') ? false : 'needs python3'),
  timeout: 60_000,
}, () => {
  let machine: TestMachine;
  before(() => {
    machine = new TestMachine();
  });
  after(async () => {
    await machine[Symbol.asyncDispose]();
    assert.deepEqual(leftovers(machine.root), []);
  });

  test('gets no AF_ALG socket, no new namespace, no keyring; with seccomp=unconfined it does', async () => {
    const probe = [
      'import ctypes, socket, os',
      'libc = ctypes.CDLL(None, use_errno=True)',
      'def call(*args):',
      '  return "ok" if libc.syscall(*map(ctypes.c_long, args)) >= 0 else os.strerror(ctypes.get_errno())',
      'print(call(41, 1, 1, 0), "|", call(41, 38, 5, 0), "|", call(41, 38 + 2**32, 5, 0), "|", call(272, 0x20000), "|", call(250, 0, -1, 0, 0, 0))',
    ].join('\n');
    const mounts = ['/usr', '/lib', '/lib64']
      .filter((path) => existsSync(path))
      .map((path) => ({ type: 'bind' as const, source: path, target: path, readOnly: true }));
    const run = (security: object) =>
      machine.run(['/usr/bin/python3', '-c', probe], { mounts, security, autoRemove: true });
    if (process.arch !== 'x64') return;
    const { stdout } = await run({});
    assert.equal(
      stdout.trim(),
      'ok | Function not implemented | Function not implemented | Operation not permitted | Operation not permitted',
    );
    assert.doesNotMatch((await run({ seccomp: 'unconfined' })).stdout, /not implemented/);
  });
});
