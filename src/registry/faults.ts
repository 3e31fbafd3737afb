import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProtocolError } from './errors.ts';

/** Something that goes wrong, for tests of clients. */
export type Fault =
  /** Refuses: with 429 unless another status is named, and `Retry-After` in seconds where that is. */
  | { readonly kind: 'refuse'; readonly status?: number; readonly retryAfter?: number }
  /** Breaks the connection after so many bytes of the answer's body, or of the request's. */
  | { readonly kind: 'cut'; readonly after: number; readonly of?: 'answer' | 'request' }
  /** Changes one bit of the answer's body: no digest fits any more. */
  | { readonly kind: 'corrupt' }
  /** Waits so many milliseconds before it answers. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Answers with so many bytes a second. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Takes a token for expired. Requests without one pass. */
  | { readonly kind: 'expired-token' };

/** Which requests a fault befalls. */
export interface FaultTarget {
  readonly method?: string;
  /** Fits the path with its query. */
  readonly path?: RegExp;
  /** How many requests; without it, all until it is disposed. */
  readonly times?: number;
}

interface Planned {
  readonly fault: Fault;
  readonly target: FaultTarget;
  left: number;
}

/** What goes wrong in a registry, on demand. Several faults may befall one request; each counts the requests that it befell. */
export class Faults {
  readonly #planned = new Set<Planned>();
  readonly #challenge: (request: IncomingMessage) => string;

  constructor(challenge: (request: IncomingMessage) => string) {
    this.#challenge = challenge;
  }

  /** From now on; disposing ends it. */
  add(fault: Fault, target: FaultTarget = {}): Disposable {
    const planned: Planned = { fault, target, left: target.times ?? Number.POSITIVE_INFINITY };
    this.#planned.add(planned);
    return { [Symbol.dispose]: () => void this.#planned.delete(planned) };
  }

  clear(): void {
    this.#planned.clear();
  }

  /** Lets happen to a request what is planned for it. */
  async meet(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const met = [...this.#planned].filter(({ fault, target }) => befalls(fault, target, request));
    for (const planned of met) {
      planned.left -= 1;
      if (planned.left <= 0) this.#planned.delete(planned);
    }
    for (const { fault } of met) await this.#happen(fault, request, response);
  }

  async #happen(fault: Fault, request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (fault.kind) {
      case 'refuse': {
        const { status = 429, retryAfter } = fault;
        const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
        const code = status === 429 ? 'TOOMANYREQUESTS' : status === 503 ? 'UNAVAILABLE' : 'UNKNOWN';
        throw new ProtocolError(code, 'a fault that a test asked for', { status, headers });
      }
      case 'expired-token':
        throw new ProtocolError('UNAUTHORIZED', 'the token has expired', {
          headers: { 'www-authenticate': this.#challenge(request) },
        });
      case 'delay':
        await sleep(fault.milliseconds);
        return;
      case 'cut':
        if (fault.of === 'request') cutRequest(request, fault.after);
        else changeBody(response, cutter(response, fault.after));
        return;
      case 'corrupt':
        changeBody(response, corrupter());
        return;
      case 'slow':
        changeBody(response, async (chunk) => {
          await sleep((chunk.length / fault.bytesPerSecond) * 1000);
          return chunk;
        });
        return;
    }
  }
}

function befalls(fault: Fault, { method, path }: FaultTarget, request: IncomingMessage): boolean {
  const hasToken = /^bearer /i.test(request.headers.authorization ?? '');
  return (
    (fault.kind !== 'expired-token' || hasToken) &&
    (method === undefined || method === request.method) &&
    (path === undefined || path.test(request.url ?? ''))
  );
}

function cutRequest(request: IncomingMessage, after: number): void {
  let received = 0;
  const push = request.push.bind(request);
  request.push = (chunk: Buffer | null, encoding) => {
    received += chunk?.length ?? 0;
    if (received <= after) return push(chunk, encoding);
    if (chunk) push(chunk.subarray(0, chunk.length - (received - after)), encoding);
    request.push = () => false;
    setImmediate(() => request.socket.destroy()); // what came is read first
    return false;
  };
}

function cutter(response: ServerResponse, after: number): (chunk: Buffer) => Promise<Buffer | undefined> {
  let sent = 0;
  return async (chunk) => {
    const rest = after - sent;
    sent += chunk.length;
    if (chunk.length <= rest) return chunk;
    response.write(chunk.subarray(0, rest));
    setTimeout(() => response.destroy(), 10); // what was written leaves first
    return undefined;
  };
}

function corrupter(): (chunk: Buffer) => Promise<Buffer> {
  let isDone = false;
  return async (chunk) => {
    if (isDone || chunk.length === 0) return chunk;
    isDone = true;
    const copy = Buffer.from(chunk); // the other may be in a cache
    copy[copy.length >> 1] = (copy[copy.length >> 1] as number) ^ 1;
    return copy;
  };
}

type Sent = (error?: Error | null) => void;

/** Sends each piece of the body as `change` makes it, in order; undefined for none, and none after it. */
function changeBody(response: ServerResponse, change: (chunk: Buffer) => Promise<Buffer | undefined>): void {
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  let turn: Promise<boolean> = Promise.resolve(true);
  const next = (work: () => Promise<boolean>): void => {
    turn = turn.then((goesOn) => goesOn && work()).catch(() => false);
  };
  const pass = (chunk: Buffer, sent?: Sent): void =>
    next(async () => {
      response.write = write; // for what `change` itself writes
      const changed = await change(chunk);
      response.write = changedWrite;
      if (changed) write(changed, sent);
      return changed !== undefined;
    });
  const changedWrite = ((chunk: Buffer, sent?: Sent) => {
    pass(chunk, sent);
    return true;
  }) as ServerResponse['write'];
  response.write = changedWrite;
  response.end = ((chunk?: Buffer) => {
    if (chunk && chunk.length > 0) pass(chunk);
    next(async () => {
      end();
      return true;
    });
    return response;
  }) as ServerResponse['end'];
}
