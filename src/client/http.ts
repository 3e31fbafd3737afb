import type { IncomingHttpHeaders } from 'node:http';
import type { ByteStream } from '../std/index.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for each try. */
  readonly body?: () => Uint8Array | ByteStream;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer begins. */
  readonly answerTimeout?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** To be read to its end or dumped: only then is the connection free again. */
  readonly body: ByteStream & { dump(): Promise<void> };
}

export interface TransportOptions {
  readonly certificateFolders: readonly string[];
  /** Whether the certificate of `host` (with its port) is not looked at. */
  isInsecure(host: string): boolean;
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly answerTimeout: number;
  readonly idleTimeout: number;
}
