import { decompress, detectCompression } from '../compression/index.ts';
import { algorithmOf, createDigester, DigestMismatch } from '../oci/index.ts';
import { EngineError, type GrowingFile } from '../std/index.ts';
import type { ByteRing } from './byte-ring.ts';
import { unpackError } from './thread-error.ts';
import { closeWorkers, readyWorker, takeWorker } from './unpack-pool.ts';
import type { UnpackedLayer, UnpackPlan, VerifiedTar } from './unpack-stream.ts';

export { closeWorkers, readyWorker };

export interface UnpackRequest extends UnpackPlan {
  /** The blob, compressed or not; it may still be growing. */
  readonly file: GrowingFile;
  readonly signal?: AbortSignal;
  /** Hears how many of the blob's bytes are taken in, now and then and at the end. */
  readonly report?: (bytes: number) => void;
}

const REPORT_EVERY = 50; // milliseconds

/**
 * Unpacks a layer in one pass, while the blob may still arrive: here it is inflated (in libuv's pool) and hashed, a worker thread writes the tree and
 * the table of contents. As many run at once as there are cores; others wait. DigestMismatch where it is not the layer that `diffID` names,
 * otherwise errors as `applyLayer` and `decompress` have them. After a failure or an abort nothing writes any more, and `root` is waste.
 */
export async function unpackLayer({ file, signal, report, ...plan }: UnpackRequest): Promise<UnpackedLayer> {
  signal?.throwIfAborted();
  using lent = await takeWorker(signal);
  const { ring } = lent;
  const outcome = Promise.withResolvers<UnpackedLayer>();
  lent.listen({
    message: (message) =>
      message.kind === 'done' ? outcome.resolve(message.layer) : outcome.reject(unpackError(message.error)),
    broken: outcome.reject,
  });

  let begun = false;
  let failure: { readonly error: unknown } | undefined; // the first: the other side only follows it
  const stopped = new AbortController();
  const fail = (error: unknown): void => {
    failure ??= { error };
    ring.stop();
    stopped.abort(new EngineError('Conflict', 'unpacking was stopped'));
    if (!begun) outcome.reject(error);
  };
  const feeding = feed(file, ring, plan, {
    signal: signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal,
    ...(report && { report }),
    begin(isPlain) {
      lent.send({ kind: 'unpack', plan, isPlain });
      begun = true;
    },
  });
  const verified = feeding.then((tar) => {
    ring.end();
    if (tar) lent.send({ kind: 'verified', tar });
  });
  const [, layer] = await Promise.all([verified.catch(fail), outcome.promise.catch(fail)]);
  signal?.throwIfAborted(); // the caller's own reason
  if (failure) throw failure.error;
  return layer as UnpackedLayer;
}

interface FeedOptions {
  readonly signal: AbortSignal;
  readonly report?: (bytes: number) => void;
  /** Comes before the first bytes are in the ring. */
  begin(isPlain: boolean): void;
}

/** Inflates and hashes the blob into the ring. Undefined where that is not read any more. Nobody hears of its end unless the digest is right. */
async function feed(
  file: GrowingFile,
  ring: ByteRing,
  { diffID: expected, limits = {} }: UnpackPlan,
  { signal, report, begin }: FeedOptions,
): Promise<VerifiedTar | undefined> {
  const digester = createDigester(expected ? algorithmOf(expected) : 'sha256');
  const blob = watch(file.readReusing(), report);
  let begun = false;
  for await (const chunk of decompress(blob.chunks, { limits, signal, transient: true })) {
    if (!begun) begin(blob.isPlain());
    begun = true;
    digester.update(chunk);
    if (!(await ring.write(chunk))) return undefined;
  }
  const diffID = digester.digest();
  if (expected && expected !== diffID) throw new DigestMismatch('uncompressed layer', expected, diffID);
  if (!begun) begin(blob.isPlain());
  return { diffID, blobPaths: [file.path, ...(file.movedTo === undefined ? [] : [file.movedTo])] };
}

/** Chunks that are counted, and told apart by how they begin, as they pass. */
function watch(
  source: AsyncIterable<Buffer>,
  report: (bytes: number) => void = () => {},
): { readonly chunks: AsyncGenerator<Buffer, void>; isPlain(): boolean } {
  let start: Buffer | undefined;
  async function* chunks(): AsyncGenerator<Buffer, void> {
    let bytes = 0;
    let last = performance.now();
    for await (const chunk of source) {
      if (!start || start.length < 8) start = Buffer.concat([start ?? Buffer.alloc(0), chunk.subarray(0, 8)]);
      bytes += chunk.length;
      if (performance.now() - last >= REPORT_EVERY) {
        last = performance.now();
        report(bytes);
      }
      yield chunk;
    }
    report(bytes);
  }
  return { chunks: chunks(), isPlain: () => detectCompression(start ?? Buffer.alloc(0)) === 'none' };
}
