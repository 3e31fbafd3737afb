import { writeFile } from 'node:fs/promises';
import { EngineError, isErrno } from '../std/index.ts';

/** `--cidfile`: the container's ID, in a file that must be new. */
export async function writeCidFile(path: string, id: string): Promise<void> {
  try {
    await writeFile(path, id, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    if (isErrno(error, 'EEXIST'))
      throw new EngineError('AlreadyExists', `container ID file ${path} exists already; remove it or name another`);
    throw error;
  }
}
