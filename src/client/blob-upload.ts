import type { Descriptor, Digest } from '../oci/index.ts';
import { EngineError, hasCode } from '../std/index.ts';
import type { ApiResponse, Endpoint } from './endpoint.ts';
import { isRefused } from './network-error.ts';
import { RegistryError } from './registry-error.ts';
import { backOff, isPassing } from './retry.ts';
import { pullScope, pushScope } from './scope.ts';
import { type OpenContent, type UploadOptions, watchContent } from './upload-content.ts';
import {
  begin,
  cancel,
  commit,
  EMPTY,
  hasBlob,
  type Position,
  sendRest,
  sessionOf,
  type Upload,
  whereIs,
} from './upload-session.ts';

/** Up to this size a blob goes in one request with its end; a cut costs little. */
const SMALL = 1 << 20;
const PROGRESS = 1 << 20;

/** Links the blob from another repository of the registry; whether that worked. Not being allowed to is no error. */
export async function mountBlob(
  endpoint: Endpoint,
  repository: string,
  { digest }: Descriptor,
  from: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const scopes = [pushScope(repository), pullScope(from)];
  const common = { what: `mount blob ${digest}`, repository, scopes, signal };
  let response: ApiResponse;
  try {
    response = await endpoint.request(path, { ...common, ...EMPTY, method: 'POST', expect: [201, 202] });
  } catch (error) {
    if (error instanceof RegistryError && error.status >= 400 && error.status < 500) return false;
    throw error;
  }
  await response.body.dump();
  if (response.status === 201) return true;
  // It began an upload instead, which nobody is going to finish.
  await cancel(endpoint, common, sessionOf(endpoint, response));
  return false;
}

/**
 * Sends a blob that the registry has not: streamed, and after a cut from where the registry says it is. Counts only when the registry has
 * confirmed the digest. Errors of `open`'s stream pass as they are.
 */
export async function sendBlob(
  endpoint: Endpoint,
  repository: string,
  descriptor: Descriptor,
  open: OpenContent,
  { signal, report, cut }: UploadOptions & { readonly cut?: CutUpload } = {},
): Promise<void> {
  const { digest, size } = descriptor;
  const name = `blob ${digest}`;
  const upload: Upload = { what: `push ${name}`, repository, scopes: [pushScope(repository)], signal };
  const content = watchContent(open, { name, size }, report);
  let position: Position | undefined;
  const goOn = async ({ session, error }: CutUpload): Promise<boolean> => {
    if (await hasBlob(endpoint, upload, digest)) return false; // the answer was lost, not the blob
    position = hasCode(error, 'DataLoss') ? undefined : await whereIs(endpoint, upload, session, size);
    if (!position) await cancel(endpoint, upload, session);
    return true;
  };
  if (cut && !(await goOn(cut))) return;
  let mark = 0;
  for (let failures = 0; ; ) {
    try {
      position ??= { session: await begin(endpoint, upload, digest), offset: 0 };
      const whole = size <= SMALL && position.offset === 0;
      const next =
        whole || position.offset === size
          ? position.session
          : await sendRest(endpoint, upload, position, content, size);
      await commit(endpoint, upload, next, digest, whole ? { content, size } : undefined);
      return;
    } catch (error) {
      if (signal?.aborted) {
        if (position) await cancel(endpoint, upload, position.session);
        throw signal.reason;
      }
      failures += 1;
      if (content.failure() || failures >= endpoint.policy.attempts || !isWorthAnother(error)) {
        if (position) await cancel(endpoint, upload, position.session);
        throw content.failure() ?? error;
      }
      await backOff(endpoint.policy, failures, signal);
      if (!position) continue;
      if (!(await goOn({ session: position.session, error }))) return;
      const offset = position?.offset ?? 0;
      if (offset - mark >= PROGRESS) failures = 0;
      mark = Math.max(mark, offset);
    }
  }
}

/** An upload that `error` ended somewhere in the middle. */
interface CutUpload {
  readonly session: URL;
  readonly error: unknown;
}

/** A blob that is made while it is sent. */
export interface MadeBlob {
  /** For messages: `layer sha256:…`. */
  readonly name: string;
  /** The same bytes whenever it is opened, or what was sent before a cut would be worth nothing. */
  readonly open: OpenContent;
  /** What a stream that came to its end has turned out to be. */
  result(): BlobIdentity | undefined;
}

export interface BlobIdentity {
  readonly digest: Digest;
  readonly size: number;
}

/** Sends a blob whose digest only its end tells: in chunks, and told then. After a failure it is made once more, to go on as {@link sendBlob} does. */
export async function sendMadeBlob(
  endpoint: Endpoint,
  repository: string,
  made: MadeBlob,
  { signal, report }: UploadOptions = {},
): Promise<BlobIdentity> {
  const upload: Upload = { what: `push ${made.name}`, repository, scopes: [pushScope(repository)], signal };
  const content = watchContent(made.open, made, report);
  const session = await begin(endpoint, upload);
  let cut: CutUpload;
  try {
    const next = await sendRest(endpoint, upload, { session, offset: 0 }, content);
    const identity = requireResult(made);
    await commit(endpoint, upload, next, identity.digest);
    return identity;
  } catch (error) {
    const failure = signal?.aborted ? signal.reason : content.failure();
    if (failure || !(isWorthAnother(error) || wantsLength(error))) {
      await cancel(endpoint, upload, session);
      throw failure ?? error;
    }
    cut = { session, error };
  }
  await backOff(endpoint.policy, 1, signal);
  if (!made.result()) for await (const _ of content.from(0)) signal?.throwIfAborted();
  const identity = requireResult(made);
  const descriptor = { mediaType: 'application/octet-stream', ...identity };
  await sendBlob(endpoint, repository, descriptor, made.open, { signal, report, cut });
  return identity;
}

function requireResult(made: MadeBlob): BlobIdentity {
  const result = made.result();
  if (!result) throw new EngineError('Internal', `${made.name} ended without saying what it is`);
  return result;
}

/** What answers a body of unknown length where such are not taken. */
function wantsLength(error: unknown): boolean {
  return error instanceof RegistryError && [400, 411, 501].includes(error.status);
}

/** Cuts, overload, a session that was lost, and content that arrived damaged. */
function isWorthAnother(error: unknown): boolean {
  if (error instanceof RegistryError) {
    const { status, codes } = error;
    return (
      status >= 500 ||
      [404, 408, 416, 429].includes(status) ||
      codes.includes('DIGEST_INVALID') ||
      codes.includes('SIZE_INVALID')
    );
  }
  return isPassing(error) || isRefused(error);
}
