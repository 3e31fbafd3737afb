import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../peers.ts';
import { busyboxTar, Strata } from '../strata.ts';

const BIG = 64 << 20; // more than any pipe holds

/** What kill -9 of a command leaves of its work on a container: nothing. */
describe('a command that is killed', { skip: needs('busybox', 'crun'), timeout: 120_000 }, () => {
  let strata: Strata;
  before(async () => {
    strata = new Strata();
    await strata.run('import', busyboxTar(strata.folder) as string, 'base:1');
  });
  after(() => strata?.[Symbol.asyncDispose]());

  /** But for layers, which some drivers keep mounted for whoever comes next. */
  const mounts = (): string[] =>
    readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(strata.folder) || /strata-(cp|export)-/.test(line))
      .filter((line) => !/\/snapshots\/\w+\/sha256:[0-9a-f]{64}\/fs /.test(line));
  const aside = (): string[] => readdirSync(tmpdir()).filter((name) => /^strata-(cp|export)-/.test(name));

  for (const [verb, args] of [
    ['cp', ['stopped:/big', '-']],
    ['export', ['stopped']],
  ] as const)
    test(`as ${verb} of a stopped container leaves no mount and no folder, and the container is free`, async () => {
      const id = (await strata.run('create', '--name', 'stopped', 'base:1', 'true')).trim();
      await strata.try(['cp', '-', 'stopped:/'], { input: tarOfZeros('big', BIG) });
      const child: ChildProcess = strata.start([verb, ...args]);
      await once(child.stdout as Readable, 'readable');
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.deepEqual(mounts(), []);
      assert.deepEqual(aside(), []);
      await until(async () => (await strata.try(['cp', `${id}:/etc/passwd`, '-'])).code === 0);
      await strata.run('rm', 'stopped');
    });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (await holds()) return;
    await sleep(100);
  }
  assert.fail('what was waited for did not come');
}

/** A tar of one file of zeros. */
function tarOfZeros(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, Buffer.alloc(size + 1024)]);
}
