/** What a case gives on the kernel's overlayfs, and on our server. */
export interface Difference {
  readonly overlay: unknown;
  readonly fuse: unknown;
  readonly why: string;
}

const COLLAPSE = 'the kernel passes no FALLOC_FL_COLLAPSE_RANGE on to FUSE servers';
const LENT =
  'a file of 128 KiB or more of a lower layer that is open for reading is read past the server (FUSE_PASSTHROUGH), and the kernel lets nobody ' +
  'put another file under it: whoever has it open keeps what it was, as in overlayfs before Linux 4.19';

/** Every case in which our server differs from the kernel's overlayfs, with its reason. docs/drivers.md tells them in words. */
export const DIFFERENCES: ReadonlyMap<string, Difference> = new Map<string, Difference>([
  ['fallocate COLLAPSE_RANGE of file', { overlay: ['EINVAL', 10], fuse: ['ENOTSUP', 10], why: COLLAPSE }],
  ['fallocate COLLAPSE_RANGE of new', { overlay: ['EINVAL', 9], fuse: ['ENOTSUP', 9], why: COLLAPSE }],
  ['fallocate COLLAPSE_RANGE of big', { overlay: ['ok', 291_808], fuse: ['ENOTSUP', 300_000], why: COLLAPSE }],
  ['fallocate COLLAPSE_RANGE of newbig', { overlay: ['ok', 291_808], fuse: ['ENOTSUP', 300_000], why: COLLAPSE }],
  ['fallocate COLLAPSE_RANGE of sparse', { overlay: ['ok', 1_040_384], fuse: ['ENOTSUP', 1_048_576], why: COLLAPSE }],
  ['a reader of big sees what a later writer writes', { overlay: 'FRESH', fuse: 'big b', why: LENT }],
  ['a reader of big sees its size when it is cut by name', { overlay: [2, 2], fuse: [2, 10], why: LENT }],
  [
    'an anonymous file is made and named',
    {
      overlay: 'ok',
      fuse: 'ENOTSUP',
      why: 'a file without a name could not be given one later; programs then make a named one',
    },
  ],
]);
