import type { TestEvent } from 'node:test/reporters';

/** Programs that scripts/test.sh has installed: a test that is skipped for want of one has looked for it wrongly. */
const installed = (process.env['STRATA_TEST_PROGRAMS'] ?? '').split(/[\s|]+/).filter((name) => name !== '');

/** A reporter of node's test runner: where CI runs, a skip of what CI has makes the run fail. */
// biome-ignore lint/style/noDefaultExport: the form that --test-reporter asks for
export default async function* refuseSkips(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  for await (const { type, data } of events) {
    if (!process.env['CI'] || type !== 'test:pass' || typeof data.skip !== 'string') continue;
    const words = new Set(data.skip.split(/[^\w.-]+/));
    const program = installed.find((name) => words.has(name));
    if (program === undefined) continue;
    process.exitCode = 1;
    yield `refused: ${data.name} was skipped (${data.skip}), though ${program} is installed\n`;
  }
}
