import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Container } from './container.ts';
import { LogWriter } from './log-writer.ts';
import { type LogLine, readLogs } from './logs.ts';

describe('a log', () => {
  async function readBack(write: (writer: LogWriter) => void): Promise<LogLine[]> {
    const folder = mkdtempSync(join(tmpdir(), 'overstrata-logs-'));
    try {
      const writer = new LogWriter(join(folder, 'log'));
      write(writer);
      writer[Symbol.dispose]();
      return await Array.fromAsync(readLogs({ folder, id: 'a'.repeat(64) } as Container));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('gives lines back whole, longer than a part and across streams', async () => {
    const long = 'x'.repeat(20_000);
    const lines = await readBack((writer) => {
      writer.write('stdout', Buffer.from(`one\n${long}`));
      writer.write('stderr', Buffer.from('two\n'));
      writer.write('stdout', Buffer.from('end\nrest'));
    });
    const texts = lines.map(({ stream, data }) => `${stream} ${data}`);
    assert.deepEqual(texts, ['stdout one\n', 'stderr two\n', `stdout ${long}end\n`, 'stdout rest']);
  });

  test('gives a line that never ends in pieces, and loses nothing of it', async () => {
    const endless = Buffer.alloc(1 << 20, 'endless ');
    const lines = await readBack((writer) => writer.write('stdout', endless));
    assert.ok(lines.every(({ data }) => data.length <= 128 << 10));
    assert.ok(Buffer.concat(lines.map(({ data }) => data)).equals(endless));
  });

  test('tells times in UTC, whatever zone they were written in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'overstrata-logs-'));
    const times = [
      '2026-01-02T03:04:05.123456789+00:00',
      '2026-01-02T03:04:05.123456789+05:30',
      '2026-01-02T03:04:05Z',
    ];
    writeFileSync(join(folder, 'log'), times.map((time) => `${time} stdout F x\n`).join(''));
    const lines = await Array.fromAsync(readLogs({ folder, id: 'a'.repeat(64) } as Container));
    rmSync(folder, { recursive: true });
    assert.deepEqual(
      lines.map(({ time }) => time),
      ['2026-01-02T03:04:05.123456789Z', '2026-01-01T21:34:05.123456789Z', '2026-01-02T03:04:05Z'],
    );
  });

  test('that the disk has no space for is lost, and its writer is not', { skip: !existsSync('/dev/full') }, () => {
    using writer = new LogWriter('/dev/full');
    assert.doesNotThrow(() => writer.write('stdout', Buffer.from('a line\nand the rest')));
  });
});
