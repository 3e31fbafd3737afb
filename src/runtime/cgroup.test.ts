import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type CgroupHost, CgroupReader } from './cgroup.ts';
import { usageOf } from './stats.ts';

const ID = 'c'.repeat(64);
const OWN = `/overstrata/${ID}`;

describe('cgroups of a container', () => {
  let root: string;
  let host: CgroupHost;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'overstrata-cgroup-'));
    host = { proc: join(root, 'proc'), mount: join(root, 'cgroup') };
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const put2 = (name: string, text: string): void => put(`cgroup${OWN}/${name}`, text);
  const put1 = (controllers: string, name: string, text: string): void =>
    put(`cgroup/${controllers}${OWN}/${name}`, text);

  test('version 2: what it uses, limited and not', () => {
    put('proc/7/cgroup', `0::${OWN}\n`);
    put2('cpu.stat', 'usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n');
    put2('memory.current', '5000000\n');
    put2('memory.stat', 'anon 1000000\nfile 4000000\ninactive_file 3000000\n');
    put2('memory.max', 'max\n');
    put2('pids.current', '3\n');
    put2('pids.max', 'max\n');
    put2('io.stat', '254:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n7:0 rbytes=5 wbytes=3 rios=1 wios=1\n');
    const cgroup = new CgroupReader(7, ID, host);
    assert.deepEqual(usageOf(cgroup), {
      cpuTime: 1_500_000,
      memory: 2_000_000,
      memoryLimit: totalmem(),
      pids: 3,
      blockRead: 105,
      blockWritten: 23,
    });
    put2('memory.max', '16777216\n');
    put2('pids.max', '50\n');
    const limited = usageOf(new CgroupReader(7, ID, host));
    assert.deepEqual([limited.memoryLimit, limited.pidsLimit], [16_777_216, 50]);
  });

  test('version 2: processes that moved to cgroups below are the container’s, whoever is asked', () => {
    put('proc/7/cgroup', `0::${OWN}/init.scope\n`);
    put2('cgroup.procs', '');
    put2('init.scope/cgroup.procs', '7\n8\n');
    put2('system.slice/web/cgroup.procs', '9\n');
    put2('memory.current', '10\n');
    const cgroup = new CgroupReader(7, ID, host);
    assert.deepEqual(cgroup.processes().sort(), [7, 8, 9]);
    assert.equal(usageOf(cgroup).memory, 10);
  });

  test('version 2 with controllers missing counts nothing', () => {
    put('proc/7/cgroup', `0::${OWN}\n`);
    const { cpuTime, memory, pids, blockRead } = usageOf(new CgroupReader(7, ID, host));
    assert.deepEqual([cpuTime, memory, pids, blockRead], [0, 0, 0, 0]);
  });

  for (const [what, unified] of [
    ['version 1', ''],
    ['both, as systemd mixes them', '0::/system.slice\n'],
  ] as const)
    test(`${what}: each controller has its folder`, () => {
      const lines = ['4:memory', '3:cpu,cpuacct', '2:pids', '5:blkio', '1:name=systemd'].map(
        (line) => `${line}:${OWN}\n`,
      );
      put('proc/7/cgroup', lines.join('') + unified);
      put1('cpu,cpuacct', 'cpuacct.usage', '1500000\n');
      put1('memory', 'memory.usage_in_bytes', '5000000\n');
      put1('memory', 'memory.stat', 'cache 1\ntotal_inactive_file 3000000\n');
      put1('memory', 'memory.limit_in_bytes', '9223372036854771712\n');
      put1('pids', 'pids.current', '2\n');
      put1('pids', 'pids.max', '50\n');
      put1('pids', 'cgroup.procs', '7\n8\n');
      put1('blkio', 'blkio.throttle.io_service_bytes', '254:0 Read 100\n254:0 Write 20\n254:0 Total 120\nTotal 120\n');
      const cgroup = new CgroupReader(7, ID, host);
      assert.equal(cgroup.unified, undefined);
      assert.deepEqual(cgroup.processes(), [7, 8]);
      assert.deepEqual(usageOf(cgroup), {
        cpuTime: 1_500_000,
        memory: 2_000_000,
        memoryLimit: totalmem(),
        pids: 2,
        pidsLimit: 50,
        blockRead: 100,
        blockWritten: 20,
      });
    });
});
