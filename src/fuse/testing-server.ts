/** Serves a file system in memory on descriptor 3: `node testing-server.ts`. */
import { serveFuse } from './serve.ts';
import { memoryFileSystem } from './testing-memory.ts';

await serveFuse(3, memoryFileSystem());
