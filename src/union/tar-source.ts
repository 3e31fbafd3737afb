import { closeSync, openSync, readSync } from 'node:fs';
import type { LayerSource } from '../layer/index.ts';
import type { SyncLayerSource } from './toc-content.ts';

/** An uncompressed tar on this machine, as a layer's bytes. Throws Node's own errors. Dispose it after all that reads from it. */
export function openTarSource(path: string): LayerSource & SyncLayerSource & Disposable {
  const fd = openSync(path, 'r');
  const readFully = (into: Uint8Array, position: number): number => {
    let done = 0;
    while (done < into.length) {
      const read = readSync(fd, into, done, into.length - done, position + done);
      if (read === 0) break;
      done += read;
    }
    return done;
  };
  return {
    readSync: readFully,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, readFully(bytes, offset));
    },
    [Symbol.dispose]() {
      closeSync(fd);
    },
  };
}
