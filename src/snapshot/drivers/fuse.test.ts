import { openDriverPlace } from '../../../test/contracts/driver-place.ts';
import { snapshotterContract } from '../../../test/contracts/snapshotter.ts';

const place = await openDriverPlace('fuse');
process.once('exit', () => place[Symbol.dispose]());
snapshotterContract('fuse', place);
