import { parentPort } from 'node:worker_threads';
import { CloneFlag, native, unshare } from '../linux/index.ts';
import { EngineError, GrowingFile, type GrowingFileHandle } from '../std/index.ts';
import { packError, type ThreadError } from './thread-error.ts';
import { type UnpackedLayer, type UnpackPlan, unpackStream } from './unpack-stream.ts';

/** What the pool sends: one job at a time, and perhaps that it is to stop. */
export type ToWorker =
  | { readonly kind: 'unpack'; readonly blob: GrowingFileHandle; readonly plan: UnpackPlan }
  | { readonly kind: 'abort' };

/** What the worker says: first that all is loaded that it needs, then its answers. */
export type FromWorker = { readonly kind: 'ready' } | Answer;

/** What the worker answers: bytes of the blob taken so far, and then its one outcome. */
export type Answer =
  | { readonly kind: 'progress'; readonly bytes: number }
  | { readonly kind: 'done'; readonly layer: UnpackedLayer }
  | { readonly kind: 'failed'; readonly error: ThreadError };

const REPORT_EVERY = 50; // milliseconds

const port = parentPort;
if (!port) throw new EngineError('Internal', 'unpack-worker runs in a worker thread of unpackLayer');
let abort = new AbortController();
ownUmask();
post({ kind: 'ready' });

port.on('message', (message: ToWorker) => {
  if (message.kind === 'abort') abort.abort(new EngineError('Conflict', 'unpacking was stopped'));
  else void unpack(message.blob, message.plan);
});

async function unpack(blob: GrowingFileHandle, plan: UnpackPlan): Promise<void> {
  abort = new AbortController();
  try {
    const file = new GrowingFile(blob.path, blob.shared);
    const layer = await unpackStream(reported(file.readReusing()), plan, abort.signal, {
      paths: () => [file.path, ...(file.movedTo === undefined ? [] : [file.movedTo])],
    });
    post({ kind: 'done', layer });
  } catch (error) {
    post({ kind: 'failed', error: packError(error) });
  }
}

async function* reported(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let bytes = 0;
  let last = performance.now();
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (performance.now() - last >= REPORT_EVERY) {
      last = performance.now();
      post({ kind: 'progress', bytes });
    }
    yield chunk;
  }
  post({ kind: 'progress', bytes });
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
