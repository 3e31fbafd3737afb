import { type Descriptor, isForeignLayerType } from '../oci/index.ts';
import { type ByteStream, EngineError } from '../std/index.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { isRefused } from './network-error.ts';
import { backOff, isPassing } from './retry.ts';
import { pullScope } from './scope.ts';

export interface DownloadOptions {
  /** Where to begin. */
  readonly offset?: number | undefined;
  /** How many bytes; to its end where nothing is said. */
  readonly length?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Somewhere that a blob is asked for. */
type Source = (request: ApiRequest) => Promise<ApiResponse>;

/** So much read between two cuts means that the connection is worth going on with. */
const PROGRESS = 1 << 20;

/**
 * A blob from `offset` to its end, or `length` bytes of it, from the first endpoint that has it. The returned promise tells whether it is there
 * at all; the stream then survives cuts: what was delivered is not asked for again. Its bytes are not verified here.
 */
export async function downloadBlob(
  endpoints: readonly Endpoint[],
  repository: string,
  descriptor: Descriptor,
  { offset = 0, length, signal }: DownloadOptions = {},
): Promise<ByteStream> {
  const { digest, size } = descriptor;
  const end = length === undefined ? size : Math.min(size, offset + length);
  const sources = sourcesOf(endpoints, repository, descriptor);
  let current = 0;
  const open = async (at: number): Promise<ByteStream> => {
    for (; ; current++) {
      try {
        const source = sources[current] as Source;
        return await openAt(source, requestFor(repository, descriptor, { at, end, signal }), at, descriptor);
      } catch (error) {
        if (signal?.aborted || current === sources.length - 1) throw error;
      }
    }
  };
  if (offset > size) throw new EngineError('InvalidArgument', `blob ${digest} has ${size} bytes, none at ${offset}`);
  const first = offset === end ? undefined : await open(offset);
  const policy = (endpoints[0] as Endpoint).policy;
  const nextSource = (): boolean => current < sources.length - 1 && ++current > 0;
  return follow(first);

  async function* follow(opened: ByteStream | undefined): AsyncGenerator<Uint8Array, void> {
    let part = opened;
    let at = offset;
    let failures = 0;
    for (let mark = at; at < end; ) {
      try {
        part ??= await open(at);
        for await (const chunk of part) {
          at += chunk.length;
          if (end < size && at > end) {
            yield chunk.subarray(0, Math.max(0, chunk.length - (at - end))); // one that knows no ranges goes on
            return;
          }
          if (at > size) throw new EngineError('DataLoss', `blob ${digest} is longer than ${size} bytes`);
          yield chunk;
        }
        if (at < end) throw new EngineError('Unavailable', `blob ${digest} ended after ${at} of ${size} bytes`);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (!isPassing(error) && !isRefused(error)) throw error; // one that restarts refuses for a while
        part = undefined;
        if (at - mark >= PROGRESS) failures = 0;
        mark = at;
        failures += 1;
        if (failures < policy.attempts) await backOff(policy, failures, signal);
        else if (nextSource()) failures = 0;
        else throw error;
      }
    }
  }
}

/** The endpoints, then for layers that live elsewhere the places that they name. */
function sourcesOf(endpoints: readonly Endpoint[], repository: string, descriptor: Descriptor): Source[] {
  const { mediaType, digest, urls = [] } = descriptor;
  const path = `/v2/${repository}/blobs/${digest}`;
  const sources = endpoints.map(
    (endpoint): Source =>
      (request) =>
        endpoint.request(path, request),
  );
  const registry = endpoints.at(-1) as Endpoint;
  if (!isForeignLayerType(mediaType)) return sources;
  return [
    ...sources,
    ...urls.map(
      (url): Source =>
        (request) =>
          registry.fetchForeign(new URL(url), request),
    ),
  ];
}

function requestFor(
  repository: string,
  { digest, size }: Descriptor,
  { at, end, signal }: { at: number; end: number; signal: AbortSignal | undefined },
): ApiRequest {
  return {
    method: 'GET',
    ...((at > 0 || end < size) && { headers: { range: `bytes=${at}-${end < size ? end - 1 : ''}` } }),
    signal,
    what: `pull blob ${digest}`,
    repository,
    scopes: [pullScope(repository)],
    expect: [200, 206],
  };
}

async function openAt(source: Source, request: ApiRequest, at: number, descriptor: Descriptor): Promise<ByteStream> {
  const response = await source(request);
  try {
    checkLengths(response, at, descriptor);
  } catch (error) {
    void response.body.dump();
    throw error;
  }
  // Some servers know no ranges and begin at the beginning.
  return response.status === 206 || at === 0 ? response.body : skip(response.body, at);
}

function checkLengths({ status, headers }: ApiResponse, at: number, { digest, size }: Descriptor): void {
  const wrongSize = (told: string): EngineError =>
    new EngineError('DataLoss', `blob ${digest} has ${told} bytes at the registry, ${size} by its descriptor`);
  if (status === 200) {
    const told = headers['content-length'];
    if (typeof told === 'string' && Number(told) !== size) throw wrongSize(told);
    return;
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(headers['content-range'] ?? ''));
  if (!range || Number(range[1]) !== at) {
    throw new EngineError('Unavailable', `blob ${digest}: asked for bytes from ${at} on, the registry sent others`);
  }
  if (range[2] !== '*' && Number(range[2]) !== size) throw wrongSize(range[2] as string);
}

async function* skip(stream: ByteStream, bytes: number): AsyncGenerator<Uint8Array, void> {
  let left = bytes;
  for await (const chunk of stream) {
    if (chunk.length > left) yield left > 0 ? chunk.subarray(left) : chunk;
    left = Math.max(0, left - chunk.length);
  }
}
