import { after } from 'node:test';
import { openDriverPlace } from '../../../test/contracts/driver-place.ts';
import { snapshotterContract } from '../../../test/contracts/snapshotter.ts';

// Where this machine's kernel has no device mapper, test/vm runs this file on one that has.
const place = await openDriverPlace('devicemapper');
after(() => place[Symbol.dispose]());

snapshotterContract('devicemapper', place);
