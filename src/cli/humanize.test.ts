import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../std/index.ts';
import { formatAge, formatDuration, formatMemory, formatSize, parseBytes, parseDuration } from './humanize.ts';

test('sizes read as docker writes them', () => {
  const sizes: [bytes: number, three: string, four: string][] = [
    [0, '0B', '0B'],
    [999, '999B', '999B'],
    [1000, '1kB', '1kB'],
    [1230, '1.23kB', '1.23kB'],
    [123_456_789, '123MB', '123.5MB'],
    [61_234_567, '61.2MB', '61.23MB'],
    [999_999, '1MB', '1000kB'],
    [5e18, '5EB', '5EB'],
  ];
  for (const [bytes, three, four] of sizes) {
    assert.equal(formatSize(bytes), three);
    assert.equal(formatSize(bytes, 4), four);
  }
});

test('memory reads as docker writes it', () => {
  assert.deepEqual([0, 1023, 1024, 1_143_000, 64 * 2 ** 20].map(formatMemory), [
    '0B',
    '1023B',
    '1KiB',
    '1.09MiB',
    '64MiB',
  ]);
});

test('durations read as docker writes them', () => {
  const second = 1000;
  const hour = 3600 * second;
  const expected: [milliseconds: number, text: string][] = [
    [450, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [60 * second, 'About a minute'],
    [119 * second, 'About a minute'],
    [45 * 60 * second, '45 minutes'],
    [hour, 'About an hour'],
    [1.4 * hour, 'About an hour'],
    [1.6 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [49 * hour, '2 days'],
    [15 * 24 * hour, '2 weeks'],
    [65 * 24 * hour, '2 months'],
    [800 * 24 * hour, '2 years'],
  ];
  for (const [milliseconds, text] of expected) assert.equal(formatDuration(milliseconds), text);
  assert.equal(formatAge(new Date(0), new Date(2 * hour)), '2 hours ago');
});

test('sizes are read in powers of 1024', () => {
  const sizes: [text: string, bytes: number][] = [
    ['0', 0],
    ['1024', 1024],
    ['32', 32],
    ['32b', 32],
    ['32B', 32],
    ['32k', 32 * 1024],
    ['32KiB', 32 * 1024],
    ['32 kb', 32 * 1024],
    ['512m', 512 * 1024 ** 2],
    ['1g', 1024 ** 3],
    ['1.5g', 1.5 * 1024 ** 3],
    ['.5t', 0.5 * 1024 ** 4],
  ];
  for (const [text, bytes] of sizes) assert.equal(parseBytes(text), bytes, text);
  for (const text of ['', 'm', '-1', '1x', '1 m b', '9999999p', '1e3']) {
    assert.throws(
      () => parseBytes(text),
      (error) => hasCode(error, 'InvalidArgument'),
      text,
    );
  }
});

test('durations are read as Go reads them, and plain numbers as seconds', () => {
  const durations: [text: string, milliseconds: number][] = [
    ['0', 0],
    ['10', 10_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['300ms', 300],
    ['1m0.5s', 60_500],
    ['2us', 0.002],
    ['-1m', -60_000],
  ];
  for (const [text, milliseconds] of durations) assert.equal(parseDuration(text), milliseconds, text);
  for (const text of ['', 'm', '1 h', '1h 30m', '1d', '--1s']) {
    assert.throws(
      () => parseDuration(text),
      (error) => hasCode(error, 'InvalidArgument'),
      text,
    );
  }
});
