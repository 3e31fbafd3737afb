import type { FuseFileSystem } from './file-system.ts';
import { Server } from './server.ts';
import { openSession } from './session.ts';

export interface ServeOptions {
  /** Lend whole files to the kernel where it takes them (6.9, as root): it reads and writes them by itself then. */
  readonly passthrough?: boolean;
}

/**
 * Serves `fileSystem` on the mounted `fuse`, a descriptor of /dev/fuse, until it is unmounted. Blocks its thread while it waits for requests, so
 * it belongs into a process of its own; only while an answer is to come later does the event loop turn.
 */
export async function serveFuse(
  fuse: number,
  fileSystem: FuseFileSystem,
  { passthrough = false }: ServeOptions = {},
): Promise<void> {
  const session = openSession(fuse, fileSystem);
  using _ = session.files;
  const server = new Server(session, { passthrough });
  for (;;) {
    const length = server.isWaiting ? await server.receiveLater() : server.receive();
    if (length < 0) return;
    server.answer(length);
  }
}
