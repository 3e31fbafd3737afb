import { open, rm } from 'node:fs/promises';
import { EngineError, isErrno } from '../std/index.ts';
import { flagError } from './system-error.ts';

/** `--cidfile`: the container's ID, in a file that must be new. It is claimed before the container is made, and goes again where that fails. */
export async function withCidFile<T extends { readonly id: string }>(path: string, make: () => Promise<T>): Promise<T> {
  const file = await claim(path);
  try {
    const made = await make();
    await file.writeFile(made.id);
    return made;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function claim(path: string): ReturnType<typeof open> {
  try {
    return await open(path, 'wx', 0o644);
  } catch (error) {
    if (isErrno(error, 'EEXIST'))
      throw new EngineError('AlreadyExists', `container ID file ${path} exists already; remove it or name another`);
    throw flagError('cidfile', path, error);
  }
}
