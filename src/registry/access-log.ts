import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';

/** What was asked and how it ended: one record a request, for the face to write. */
export interface AccessRecord {
  /** Also in the answer's `X-Request-Id`; the client's own where it sent a decent one. */
  readonly id: string;
  /** Milliseconds since 1970, at the start. */
  readonly time: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** False where the connection broke before the answer was out. */
  readonly complete: boolean;
  readonly address: string | undefined;
  readonly user: string | undefined;
  readonly agent: string | undefined;
  /** What went wrong inside, never shown to the client. */
  readonly error?: unknown;
}

/** What becomes known of a request on its way. */
export interface Trace {
  readonly id: string;
  /** What it was about, as metrics name it. */
  route: string;
  user: string | undefined;
  error?: unknown;
}

const START = randomBytes(6).toString('hex');
let count = 0;

/** Follows a request to its end, for log and metrics. */
export function watchRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { log, metrics }: { log: ((record: AccessRecord) => void) | undefined; metrics: Metrics | undefined },
): Trace {
  const trace: Trace = { id: idOf(request), route: 'other', user: undefined };
  if (!log && !metrics) return trace;
  const time = Date.now();
  const start = performance.now();
  const { method = '', url = '', socket } = request;
  const [address, received, sent] = [socket.remoteAddress, socket.bytesRead, socket.bytesWritten];
  metrics?.begin();
  response.once('close', () => {
    const duration = performance.now() - start;
    const status = response.statusCode;
    metrics?.end({
      method,
      route: trace.route,
      status,
      duration,
      received: socket.bytesRead - received,
      sent: socket.bytesWritten - sent,
    });
    log?.({
      id: trace.id,
      time,
      duration,
      method,
      path: withoutSecrets(url),
      status,
      complete: response.writableFinished,
      address,
      user: trace.user,
      agent: request.headers['user-agent'],
      ...(trace.error !== undefined && { error: trace.error }),
    });
  });
  return trace;
}

function idOf(request: IncomingMessage): string {
  const own = request.headers['x-request-id'];
  if (typeof own === 'string' && /^[\w.-]{1,64}$/.test(own)) return own;
  count += 1;
  return `${START}-${count.toString(36)}`;
}

/** Some clients put into a query what belongs into a header or body. */
function withoutSecrets(url: string): string {
  return url.replace(/([?&](?:password|refresh_token|token|access_token)=)[^&]*/gi, '$1...');
}
