import { EngineError, isErrno } from '../std/index.ts';

/** `error` of a system call as its caller can act on it; what is no known failure of the disk comes back as it is. */
export function diskError(error: unknown, doing: string): unknown {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new EngineError(
      'ResourceExhausted',
      `no space left on the disk while ${doing}; free some, for example with: strata system prune`,
      { cause: error },
    );
  }
  if (isErrno(error, 'EROFS'))
    return new EngineError(
      'PermissionDenied',
      `${doing}: its file system is read-only; make it writable, or name another state folder with --root`,
      { cause: error },
    );
  if (isErrno(error, 'EACCES', 'EPERM'))
    return new EngineError('PermissionDenied', `${doing}: permission denied; run as the owner of the state folder`, {
      cause: error,
    });
  if (isErrno(error, 'ENAMETOOLONG'))
    return new EngineError('InvalidArgument', `${doing}: a name in it is longer than the file system takes`, {
      cause: error,
    });
  return error;
}

/** Runs `work`, its system calls' failures told by {@link diskError}. */
export async function onDisk<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, doing);
  }
}
