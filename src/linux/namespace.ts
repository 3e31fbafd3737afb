import { check, native } from './libc.ts';

/** Flags of clone(2), sched.h. */
export const CloneFlag = {
  newMount: 0x00020000,
  fs: 0x00000200,
  newNet: 0x40000000,
  newPid: 0x20000000,
  newUts: 0x04000000,
} as const;

/** unshare(2), for the calling thread only: libuv's pool keeps the old namespaces. Use it in a short-lived helper with synchronous calls. */
export function unshare(flags: number): void {
  check(native('int unshare(int)')(flags), 'unshare');
}

/** setns(2) of the calling thread; a mount namespace needs `unshare(CloneFlag.fs)` first. */
export function setNamespace(fd: number, kind: number): void {
  check(native('int setns(int, int)')(fd, kind), 'setns');
}

/** chroot(2); the caller changes the working directory itself. */
export function changeRoot(path: string): void {
  check(native('int chroot(const char *)')(path), 'chroot', path);
}
