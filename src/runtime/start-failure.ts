/** Docker's exit codes for a container whose process could not be started. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const FAILED = 125;

/** The code for what an OCI runtime said when it could not start a process. */
export function startFailureCode(message: string): number {
  if (/executable file .*not found|(exec|stat|open executable).*no such file or directory/i.test(message))
    return NOT_FOUND;
  if (/(exec|executable).*(permission denied|not permitted|is a directory|format error|not executable)/i.test(message))
    return NOT_EXECUTABLE;
  return FAILED;
}
