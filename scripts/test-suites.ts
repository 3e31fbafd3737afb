/** Runs the suites over several folders: contracts, conformance, end to end. `npm test` calls it after the gate. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const suites = globSync('test/{conformance,e2e,fuzz}/**/*.test.ts').sort();
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', '--test-timeout=600000', ...suites], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
