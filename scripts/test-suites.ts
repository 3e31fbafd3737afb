/** Runs the suites over several folders: contracts, conformance, end to end. `npm test` calls it after the gate. */
import { globSync } from 'node:fs';
import { runTests } from './run-tests.ts';

const suites = globSync('test/{conformance,e2e,fuzz,posix,vm}/**/*.test.ts').sort();
process.exit(runTests(suites, { concurrency: 1, timeout: 600_000 }));
