import { setTimeout as delay } from 'node:timers/promises';
import { EngineError, hasCode } from '../std/index.ts';
import type { Reach } from './address.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import type { Transport } from './transport.ts';

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled for each that follows, and jittered. */
  readonly backoff: number;
}

const MAX_BACKOFF = 10_000;
const MAX_RETRY_AFTER = 60_000;

/** Waits before try number `attempt + 1`; somewhat longer each time, and never as long as others who began with us. */
export async function backOff({ backoff }: RetryPolicy, attempt: number, signal?: AbortSignal): Promise<void> {
  await pause(Math.min(backoff * 2 ** (attempt - 1), MAX_BACKOFF) * (0.5 + Math.random() / 2), signal);
}

/**
 * Sends until there is an answer, where it may be sent twice: again what was lost on the way, and later what the server was too busy for (429, 5xx;
 * Retry-After, where it asks for no more than a minute). The last busy answer is returned as any other.
 */
export async function sendPersistently(
  transport: Transport,
  url: URL,
  request: HttpRequest,
  { policy, reach, isIdempotent }: { policy: RetryPolicy; reach?: Reach | undefined; isIdempotent: boolean },
): Promise<HttpResponse> {
  for (let attempt = 1; ; attempt++) {
    let response: HttpResponse;
    try {
      response = await transport.send(url, request, reach);
    } catch (error) {
      if (attempt >= policy.attempts || !isIdempotent || !isPassing(error)) throw error;
      await backOff(policy, attempt, request.signal);
      continue;
    }
    const isBusy = isIdempotent && [429, 500, 502, 503, 504].includes(response.status);
    const asked = retryAfter(response.headers['retry-after']);
    if (!isBusy || attempt >= policy.attempts || (asked ?? 0) > MAX_RETRY_AFTER) return response;
    await response.body.dump();
    if (asked === undefined) await backOff(policy, attempt, request.signal);
    else await pause(asked, request.signal);
  }
}

/** Milliseconds that a Retry-After header asks for: seconds or a date (RFC 9110, 10.2.3). */
export function retryAfter(header: string | string[] | undefined, now: number = Date.now()): number | undefined {
  const [text] = [header ?? []].flat();
  if (text === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Whether trying again may help: the network's errors, but not what this program refuses by itself. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof EngineError) || !hasCode(error, 'Unavailable')) return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  // A name that is unknown, a port that is closed or a certificate that is wrong stays so for longer than we would wait.
  return typeof code !== 'string' || !/^(?:ENOTFOUND|ECONNREFUSED|EPROTO|ERR_|CERT_|DEPTH_|SELF_|UNABLE_)/.test(code);
}

async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal && { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}
