import { snapshotterContract } from '../../../test/contracts/snapshotter.ts';

snapshotterContract('vfs', { skip: process.geteuid?.() === 0 ? false : 'bind mounts and owners need root' });
