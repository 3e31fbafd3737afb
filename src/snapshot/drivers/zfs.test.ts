import { after } from 'node:test';
import { openDriverPlace } from '../../../test/contracts/driver-place.ts';
import { snapshotterContract } from '../../../test/contracts/snapshotter.ts';

const place = await openDriverPlace('zfs');
after(() => place[Symbol.dispose]());

snapshotterContract('zfs', place);
