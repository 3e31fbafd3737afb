import { parentPort, workerData } from 'node:worker_threads';
import { CloneFlag, native, unshare } from '../linux/index.ts';
import { EngineError } from '../std/index.ts';
import { ByteRing } from './byte-ring.ts';
import { packError, type ThreadError } from './thread-error.ts';
import { type UnpackedLayer, type UnpackPlan, unpackTar, type VerifiedTar } from './unpack-stream.ts';

/** What the worker is started with: the ring in which the tars of all its jobs come. */
export interface WorkerData {
  readonly ring: SharedArrayBuffer;
}

/** What the pool sends: one job at a time, and when all of its tar is in the ring, that it is the right one. */
export type ToWorker =
  | { readonly kind: 'unpack'; readonly plan: UnpackPlan; readonly isPlain: boolean }
  | { readonly kind: 'verified'; readonly tar: VerifiedTar };

/** What the worker says: first that all is loaded that it needs, then its answers. */
export type FromWorker = { readonly kind: 'ready' } | Answer;

/** What the worker answers: its one outcome. */
export type Answer =
  | { readonly kind: 'done'; readonly layer: UnpackedLayer }
  | { readonly kind: 'failed'; readonly error: ThreadError };

const port = parentPort;
if (!port) throw new EngineError('Internal', 'unpack-worker runs in a worker thread of unpackLayer');
const ring = new ByteRing((workerData as WorkerData).ring);
let verified = Promise.withResolvers<VerifiedTar>();
ownUmask();
post({ kind: 'ready' });

port.on('message', (message: ToWorker) => {
  if (message.kind === 'verified') verified.resolve(message.tar);
  else void unpack(message.plan, message.isPlain);
});

async function unpack(plan: UnpackPlan, isPlain: boolean): Promise<void> {
  verified = Promise.withResolvers();
  try {
    post({ kind: 'done', layer: await unpackTar(tarOf(ring), plan, { isPlain, verified: verified.promise }) });
  } catch (error) {
    post({ kind: 'failed', error: packError(error) });
  }
}

/** Blocks where there is nothing yet: the thread does nothing but its one layer. */
async function* tarOf(ring: ByteRing): AsyncGenerator<Buffer, void> {
  yield* ring.read();
}

function post(message: FromWorker): void {
  port?.postMessage(message);
}

/**
 * A file creation mask of this thread's own, 0: modes are right at open(2) and need no chmod. The process' other threads keep theirs, and
 * so does libuv's pool, which the parent has started before.
 */
function ownUmask(): void {
  try {
    unshare(CloneFlag.fs);
    native('uint32_t umask(uint32_t)')(0);
  } catch {
    // Not allowed in some sandboxes: files then get a chmod each.
  }
}
