// A registry in a process of its own that collects all the while, to be killed: `node registry-child.ts FOLDER` prints its URL.
import { startRegistry } from '../../src/registry/index.ts';

const collection = { every: 50, grace: 1000, untagged: true };
const registry = await startRegistry({ folder: process.argv[2] as string, collection });
process.stdout.write(`${registry.url}\n`);
process.once('SIGTERM', () => void registry.close());
