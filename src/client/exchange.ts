import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { ByteStream } from '../std/index.ts';
import { hostnameOf } from './address.ts';
import type { HttpRequest, HttpResponse, TransportOptions } from './http.ts';
import { networkError, TimeLimitError } from './network-error.ts';
import { responseBody } from './response-body.ts';
import type { Route } from './route.ts';

/** One request and its answer on the way that `route` says. Rejects with Node's own errors. */
export function exchange(
  route: Route,
  url: URL,
  { method, headers, body, signal, answerTimeout }: HttpRequest,
  options: TransportOptions,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const sent = request({
      agent: route.agent,
      protocol: url.protocol,
      host: hostnameOf(url.host),
      port: url.port,
      path: route.isForwarded ? url.href : url.pathname + url.search,
      method,
      headers: { 'accept-encoding': 'identity', ...headers, ...route.headers },
      ...(signal && { signal }),
    });
    const limit = new AnswerLimit(sent, answerTimeout ?? options.answerTimeout);
    const fail = (error: Error): void => {
      limit.lift();
      reject(error);
    };
    sent.on('error', fail);
    // Nobody asked for another protocol (101): Node closes then, and that is neither an answer nor an error to it.
    sent.once('close', () => fail(new Error('it closed the connection without an answer')));
    sent.once('socket', () => limit.start());
    let sending: AbortController | undefined;
    sent.once('response', (response: IncomingMessage) => {
      limit.lift();
      if (sending && !sent.writableEnded) {
        // It has seen enough: the rest is not sent, and this connection can't be used again.
        sending.abort();
        response.once('end', () => sent.destroy());
      }
      const asked = (error: unknown): unknown => networkError(url, error, signal);
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: responseBody(response, { idleTimeout: options.idleTimeout, asked }) });
    });
    const content = body?.();
    if (content === undefined || content instanceof Uint8Array) {
      sent.end(content);
      return;
    }
    sending = new AbortController();
    sendBody(sent, content, limit, sending.signal).catch((error: unknown) => {
      if (!sending?.signal.aborted) sent.destroy(error as Error);
    });
  });
}

/** Writes the body as fast as it is taken. The limit runs while the server has to do something, not while the body is being made. */
async function sendBody(sent: ClientRequest, body: ByteStream, limit: AnswerLimit, signal: AbortSignal): Promise<void> {
  for await (const chunk of body) {
    if (sent.destroyed || signal.aborted) return;
    if (sent.write(chunk)) continue;
    limit.start();
    await untilDrained(sent, signal);
    limit.lift();
  }
  if (sent.destroyed || signal.aborted) return;
  sent.end();
  limit.start();
}

function untilDrained(sent: ClientRequest, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      for (const event of ['drain', 'close']) sent.off(event, go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    for (const event of ['drain', 'close']) sent.once(event, go);
    signal.addEventListener('abort', go, { once: true });
  });
}

/** Ends a request that is not answered. Counts from when there is a connection: making one has a limit of its own. */
class AnswerLimit {
  readonly #sent: ClientRequest;
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;
  #answered = false;

  constructor(sent: ClientRequest, milliseconds: number) {
    this.#sent = sent;
    this.#milliseconds = milliseconds;
    sent.once('response', () => (this.#answered = true));
  }

  start(): void {
    this.lift();
    if (this.#answered || this.#sent.destroyed || !this.#sent.socket) return;
    this.#timer = setTimeout(() => this.#sent.destroy(new TimeLimitError('answer')), this.#milliseconds);
  }

  lift(): void {
    clearTimeout(this.#timer);
  }
}
