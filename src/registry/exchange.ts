import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Digest } from '../oci/index.ts';
import { isDigest } from '../oci/index.ts';
import { readAll } from '../std/index.ts';
import type { ContentCache } from './content-cache.ts';
import { ProtocolError } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Login } from './login.ts';
import { type Action, type Caller, isAllowed, type Policy, refuse } from './policy.ts';
import type { CompiledRules } from './rules.ts';
import type { PushRules } from './storage/names.ts';
import type { RegistryStorage } from './storage/open.ts';

/** What the end points share. */
export interface Registry {
  readonly storage: RegistryStorage;
  readonly cache: ContentCache;
  readonly policy: Policy;
  readonly limits: Limits;
  readonly login: Login;
  readonly allowDelete: boolean;
  readonly sparseIndexes: boolean;
  /** Quotas, immutable tags. */
  readonly rules: CompiledRules;
  /** Requests that write blobs now. */
  uploading: number;
}

/** One request on its way to its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly registry: Registry;
  readonly caller: Caller;
  readonly method: string;
  readonly #search: string;
  #query: URLSearchParams | undefined;

  constructor(
    registry: Registry,
    {
      request,
      response,
      caller,
      search,
    }: { request: IncomingMessage; response: ServerResponse; caller: Caller; search: string },
  ) {
    this.registry = registry;
    this.request = request;
    this.response = response;
    this.caller = caller;
    this.method = request.method ?? 'GET';
    this.#search = search;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#search);
    return this.#query;
  }

  allows(action: Action, repository?: string): boolean {
    return isAllowed(this.registry.policy, this.caller, action, repository);
  }

  /** Throws 401 or 403 unless the caller may. Comes before anything is looked up: what one may not see does not differ from what is not there. */
  demand(action: Action, repository?: string): void {
    if (!this.allows(action, repository)) this.refuse(action, repository);
  }

  refuse(action: Action, repository?: string): never {
    const { scope: _, ...owner } = this.caller;
    const hasToken = this.caller.scope !== undefined;
    const mayWithToken = hasToken && isAllowed(this.registry.policy, owner, action, repository);
    const challenge = this.registry.login.challenge(this.request, { action, repository, insufficient: hasToken });
    return refuse(this.caller, action, repository, { challenge, mayWithToken });
  }

  /** What a push to this repository has to keep to. */
  pushRules(repository: string): PushRules {
    const { rules } = this.registry;
    return { quota: rules.quotaOf(repository), isImmutable: (tag) => rules.isImmutable(repository, tag) };
  }

  send(status: number, headers: OutgoingHttpHeaders, body?: Uint8Array): void {
    this.response.writeHead(status, { ...headers, ...(body && { 'content-length': body.length }) });
    if (body && this.method !== 'HEAD') this.response.end(body);
    else this.response.end();
  }

  sendJson(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
    this.send(status, { 'content-type': 'application/json', ...headers }, Buffer.from(JSON.stringify(value)));
  }

  /**
   * The request's body from here on: a client that waits for `100 Continue` gets it now, when it may send. Once it has sent all, it is we
   * who take long (syncing a large file), and the connection may be silent.
   */
  body(): IncomingMessage {
    this.request.once('end', () => this.request.socket.setTimeout(0)); // node:http sets it again for the next request
    if (this.request.headers.expect !== undefined) this.response.writeContinue();
    return this.request;
  }

  /** The whole body, of at most `limit` bytes. */
  async readBody(limit: number, what: string): Promise<Buffer> {
    const declared = this.contentLength();
    if (declared !== undefined && declared > limit) {
      throw new ProtocolError('SIZE_INVALID', `${what} is larger than ${limit} bytes`, { status: 413 });
    }
    return await readAll(this.body(), { limit, what });
  }

  contentLength(): number | undefined {
    const text = this.request.headers['content-length'];
    return text === undefined ? undefined : Number(text);
  }

  refuseMethod(...allowed: string[]): never {
    throw new ProtocolError('UNSUPPORTED', `${this.method} is not possible here`, {
      headers: { allow: allowed.join(', ') },
    });
  }
}

/** A digest from a path or query, or DIGEST_INVALID. */
export function requireDigest(text: string | null): Digest {
  if (isDigest(text)) return text;
  throw new ProtocolError(
    'DIGEST_INVALID',
    text === null ? 'the query needs digest=sha256:…' : `invalid digest ${JSON.stringify(text.slice(0, 200))}`,
  );
}
