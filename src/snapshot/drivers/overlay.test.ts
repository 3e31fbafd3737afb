import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { snapshotterContract } from '../../../test/contracts/snapshotter.ts';
import { probeDrivers } from '../probe.ts';

const root = mkdtempSync(join(tmpdir(), 'strata-probe-'));
const overlay = (await probeDrivers(root)).find(({ driver }) => driver === 'overlay');
rmSync(root, { recursive: true, force: true });

snapshotterContract('overlay', { skip: overlay?.works ? false : `overlay does not work here: ${overlay?.why}` });
