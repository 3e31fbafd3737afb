import { openDriverPlace } from '../../../test/contracts/driver-place.ts';
import { snapshotterContract } from '../../../test/contracts/snapshotter.ts';

using place = await openDriverPlace('erofs');

snapshotterContract('erofs', { skip: place.skip });
