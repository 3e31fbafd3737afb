import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProtocolError } from './errors.ts';

const LINGER_BYTES = 16 << 20;
const LINGER_TIME = 5000;
/** What every answer has, refusals too. */
const KEPT = new Set(['docker-distribution-api-version', 'x-request-id']);

/** distribution-spec, "Error Codes". */
export function sendProblem(request: IncomingMessage, response: ServerResponse, error: ProtocolError): void {
  if (response.headersSent) {
    response.destroy(); // the status is out: only a broken connection still says that something is wrong
    return;
  }
  const { protocolCode: code, message, detail } = error;
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] }));
  for (const name of response.getHeaderNames()) {
    if (!KEPT.has(name)) response.removeHeader(name);
  }
  const waitsForContinue = request.headers.expect !== undefined && !request.readableDidRead;
  response.writeHead(error.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...error.headers,
    ...(waitsForContinue && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (!request.complete) linger(request);
}

/** A client reads the refusal only after it has sent its body: take some of that and drop it, then cut. */
function linger(request: IncomingMessage): void {
  let dropped = 0;
  const cut = (): void => {
    request.socket.destroy();
  };
  const timer = setTimeout(cut, LINGER_TIME);
  timer.unref();
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) cut();
  });
  request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  request.resume();
}
