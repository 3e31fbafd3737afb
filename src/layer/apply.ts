import { type ByteStream, EngineError, isErrno } from '../std/index.ts';
import type { LayerLimits } from './layer-tree.ts';
import type { Lower, Ownership, Skipped } from './metadata.ts';
import { type LayerSink, readLayer } from './read-layer.ts';
import { NOTHING_PENDING, type PendingLayer, pendingOf } from './settle.ts';
import type { TocEntry } from './toc.ts';
import { TreeWriter } from './tree-writer.ts';

export interface ApplyOptions {
  /**
   * `overlay`: the root is this layer's own, empty; whiteouts become 0/0 character devices and opaque directories carry overlayfs' xattr.
   * `merged`: the root holds the union of the layers below; whiteouts delete, and what stands in the way of a name is replaced.
   */
  readonly form: 'overlay' | 'merged';
  /** Marks of overlayfs go to `user.overlay.*` instead of `trusted.overlay.*`, as mounts with `userxattr` read them. */
  readonly userXattr?: boolean;
  /** `exact` for root by default; `ignore` leaves owners to the caller's and makes no devices. */
  readonly ownership?: Ownership;
  /** For form `overlay`: without it what depends on lower layers is left `pending`. */
  readonly lower?: Lower;
  readonly limits?: Partial<LayerLimits>;
  readonly signal?: AbortSignal;
}

export interface AppliedLayer {
  readonly entries: readonly TocEntry[];
  /** Bytes of the tar. */
  readonly size: number;
  /** Whether the layer's root hides all layers below: overlayfs does not read that mark at a root, so drivers leave them out. */
  readonly opaque: boolean;
  /** For {@link settleLayer}, where the layers below were not known. */
  readonly pending: PendingLayer;
  readonly skipped: Readonly<Skipped>;
}

/**
 * Unpacks an uncompressed layer into `root`, which it never leaves, whatever the names in it are. Synchronous between chunks of input: the
 * place for it is a worker thread (`unpackLayer`). Throws InvalidArgument for layers that no engine may unpack, ResourceExhausted
 * beyond limits or where the disk is full. After a failure the root is waste.
 */
export async function applyLayer(tar: ByteStream, root: string, options: ApplyOptions): Promise<AppliedLayer> {
  const { form, lower, limits, signal } = options;
  const ownership = options.ownership ?? (process.geteuid?.() === 0 ? 'exact' : 'ignore');
  using writer = new TreeWriter(root, { form, ownership, userXattr: options.userXattr ?? false, lower });
  const reading = { ...(limits && { limits }), ...(signal && { signal }) };
  const { entries, size } = await readLayer(tar, explaining(writer), reading);
  explain('', () => writer.finish(entries));
  return {
    entries,
    size,
    opaque: entries[0]?.opaque ?? false,
    pending: form === 'overlay' && !lower ? pendingOf(entries) : NOTHING_PENDING,
    skipped: writer.skipped,
  };
}

/** The same sink, with failures of system calls told by the entry they happened at. */
function explaining(writer: TreeWriter): LayerSink {
  let path = '';
  return {
    make(entry, inode) {
      path = entry.path;
      explain(path, () => writer.make(entry, inode));
    },
    clear(made) {
      explain(made.entry.path, () => writer.clear(made));
    },
    remove(entry) {
      explain(entry.path, () => writer.remove(entry));
    },
    data(chunk) {
      explain(path, () => writer.data(chunk));
    },
    endEntry() {
      explain(path, () => writer.endEntry());
    },
  };
}

function explain(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (error instanceof EngineError || !(error instanceof Error) || !('syscall' in error)) throw error;
    const name = JSON.stringify(path === '' ? '/' : path);
    const [code, why] = isErrno(error, 'ENOSPC', 'EDQUOT')
      ? (['ResourceExhausted', 'no space left on the disk'] as const)
      : isErrno(error, 'EMFILE', 'ENFILE')
        ? (['ResourceExhausted', 'too many open files'] as const)
        : isErrno(error, 'EPERM', 'EACCES', 'EROFS')
          ? (['PermissionDenied', error.message] as const)
          : isErrno(error, 'EEXIST')
            ? (['Conflict', `${error.message}: the root was not empty`] as const)
            : (['Internal', error.message] as const);
    throw new EngineError(code, `unpacking layer entry ${name}: ${why}`, { cause: error });
  }
}
