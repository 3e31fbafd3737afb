import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const REFUSE_SKIPS = join(import.meta.dirname, 'refuse-skips.ts');

/** Runs test files under node's test runner, `concurrency` at a time, each test for at most `timeout` milliseconds; the exit code. */
export function runTests(files: readonly string[], limits: { concurrency: number; timeout: number }): number {
  const { status } = spawnSync(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${limits.concurrency}`,
      `--test-timeout=${limits.timeout}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${REFUSE_SKIPS}`,
      '--test-reporter-destination=stderr',
      ...files,
    ],
    { stdio: 'inherit' },
  );
  return status ?? 1;
}
