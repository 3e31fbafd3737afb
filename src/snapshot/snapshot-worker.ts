import { closeSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { syncFileSystem } from '../linux/index.ts';
import { errorMessage } from '../std/index.ts';
import type { Chore, ChoreAnswer, ChoreResults } from './chores.ts';
import { deletePlace, emptyFolder } from './delete-tree.ts';
import { measureTree } from './measure-tree.ts';

async function run(chore: Chore): Promise<ChoreResults[Chore['kind']]> {
  switch (chore.kind) {
    case 'empty':
      return void emptyFolder(chore.path);
    case 'bury':
      return void emptyFolder(chore.path, deletePlace);
    case 'sync':
      return void sync(chore.path);
    case 'measure':
      return measureTree(chore.path);
    case 'copy': {
      const { copyTree } = await import('./copy-tree.ts'); // it knows layers, which the others need not load
      return void copyTree(chore.path, chore.target);
    }
  }
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    syncFileSystem(fd);
  } finally {
    closeSync(fd);
  }
}

async function answer(chore: Chore): Promise<ChoreAnswer> {
  try {
    return { result: await run(chore) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return { failure: { message: errorMessage(error), ...(code && { code }) } };
  }
}

parentPort?.on('message', async (chore: Chore) => {
  parentPort?.postMessage(await answer(chore));
});
