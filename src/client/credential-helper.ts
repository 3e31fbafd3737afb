import { spawn } from 'node:child_process';
import { EngineError, isErrno, readAll } from '../std/index.ts';

/** What a helper keeps for one server. */
export interface HelperSecret {
  readonly username: string;
  readonly secret: string;
}

const TIME_LIMIT = 60_000; // it may ask a person to unlock a key ring
const MAX_ANSWER = 1 << 20;
// docker-credential-helpers, credentials/error.go: told on standard output with exit code 1.
const NOTHING_FOUND = /credentials not found|no credentials server URL|no credentials username/i;

/** Asks `docker-credential-NAME get`. `file` is who named it, for messages. */
export async function askHelper(name: string, server: string, file: string): Promise<HelperSecret | undefined> {
  const { code, output } = await runHelper(name, 'get', server, file);
  if (code !== 0) {
    if (NOTHING_FOUND.test(output)) return undefined;
    throw failure(name, 'get', output);
  }
  try {
    const { Username: username, Secret: secret } = JSON.parse(output) as Record<string, unknown>;
    if (typeof username === 'string' && typeof secret === 'string')
      return secret === '' ? undefined : { username, secret };
  } catch {}
  throw new EngineError('Unavailable', `docker-credential-${name} answered in a way that is not understood`);
}

export async function storeWithHelper(
  name: string,
  { server, username, secret }: HelperSecret & { readonly server: string },
  file: string,
): Promise<void> {
  const input = JSON.stringify({ ServerURL: server, Username: username, Secret: secret });
  const { code, output } = await runHelper(name, 'store', input, file);
  if (code !== 0) throw failure(name, 'store', output.replaceAll(secret, '***'));
}

/** Whether there was something to erase. */
export async function eraseWithHelper(name: string, server: string, file: string): Promise<boolean> {
  const { code, output } = await runHelper(name, 'erase', server, file);
  if (code === 0) return true;
  if (NOTHING_FOUND.test(output)) return false;
  throw failure(name, 'erase', output);
}

async function runHelper(
  name: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  file: string,
): Promise<{ code: number | null; output: string }> {
  if (!/^[\w.-]+$/.test(name))
    throw new EngineError('InvalidArgument', `${file} names the impossible credential helper ${JSON.stringify(name)}`);
  const program = `docker-credential-${name}`;
  // Not spawn's own timeout, whose timer outlives a program that can't be started.
  const limit = AbortSignal.timeout(TIME_LIMIT);
  const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'ignore'], signal: limit });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => {}); // seen below, after the output
  child.stdin.on('error', () => {}); // one that does not read its input says what it thinks by its exit code
  child.stdin.end(input);
  try {
    const output = await readAll(child.stdout, { limit: MAX_ANSWER, what: `answer of ${program}` });
    return { code: await ended, output: output.toString().trim() };
  } catch (error) {
    child.kill();
    if (limit.aborted)
      throw new EngineError('Unavailable', `${program} ${verb} did not end within ${TIME_LIMIT / 1000} s`);
    if (!isErrno(error, 'ENOENT', 'EACCES')) throw error;
    throw new EngineError(
      'Unavailable',
      `the credential helper ${program} can't be run; install it, or take it out of ${file}`,
      { cause: error },
    );
  }
}

function failure(name: string, verb: string, output: string): EngineError {
  const said = output.replace(/[\p{C}\s]+/gu, ' ').slice(0, 200);
  return new EngineError('Unavailable', `docker-credential-${name} ${verb} failed${said ? `: ${said}` : ''}`);
}
