// A registry in a process of its own, to be killed: `node registry-child.ts FOLDER` prints its URL.
import { startRegistry } from '../../src/registry/index.ts';

const registry = await startRegistry({ folder: process.argv[2] as string });
process.stdout.write(`${registry.url}\n`);
process.once('SIGTERM', () => void registry.close());
