import { closeFd } from './files.ts';
import { check, cString, errnoError, lastErrno, native } from './libc.ts';

/** Flags of mount(2), sys/mount.h. */
export const MountFlag = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  remount: 32,
  bind: 4096,
  move: 8192,
  recursive: 16384,
  private: 262144,
  slave: 524288,
} as const;

const MNT_DETACH = 2;

/** mount(2). `data` is the file system's option string, at most a page. */
export function mount(source: string, target: string, type: string, flags = 0, data = ''): void {
  check(
    native('int mount(const char *, const char *, const char *, unsigned long, const char *)')(
      cString(source),
      cString(target),
      type,
      flags,
      cString(data),
    ),
    `mount ${type}`,
    target,
  );
}

/** umount2(2). `lazy` detaches a busy mount now and frees it when its last user goes. */
export function unmount(target: string, { lazy = false }: { lazy?: boolean } = {}): void {
  check(native('int umount2(const char *, int)')(cString(target), lazy ? MNT_DETACH : 0), 'umount', target);
}

// System call numbers of the new mount interface: the same on every architecture (asm-generic/unistd.h).
const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const CLOEXEC = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/**
 * Mounts a file system through the new interface (fsopen, fsconfig, fsmount, move_mount; kernel 5.2), which takes options one by one:
 * overlay's `lowerdir+` (kernel 6.5) has no page-size limit on all layers together. Each value is at most 255 bytes.
 * Options without a value are flags.
 */
export function mountNew(
  type: string,
  target: string,
  options: readonly (readonly [key: string, value?: string])[],
  attributes = 0,
): void {
  const syscall = native('long syscall(long, int64_t, int64_t, const char *, const char *, int64_t)');
  const openContext = native('long syscall(long, const char *, int64_t)');
  const context = check(openContext(SYS_fsopen, type, CLOEXEC), `fsopen ${type}`);
  try {
    for (const [key, value] of options) {
      const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
      check(
        syscall(SYS_fsconfig, context, command, key, value === undefined ? null : cString(value), 0),
        `fsconfig ${key}=${value ?? ''}`,
      );
    }
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0) === -1) {
      throw errnoError(lastErrno(), `mount ${type}`, target);
    }
    const tree = check(
      native('long syscall(long, int64_t, int64_t, int64_t)')(SYS_fsmount, context, CLOEXEC, attributes),
      `fsmount ${type}`,
    );
    try {
      const move = native('long syscall(long, int64_t, const char *, int64_t, const char *, int64_t)');
      check(move(SYS_move_mount, tree, '', -100, cString(target), MOVE_MOUNT_F_EMPTY_PATH), 'move_mount', target);
    } finally {
      closeFd(tree);
    }
  } finally {
    closeFd(context);
  }
}
