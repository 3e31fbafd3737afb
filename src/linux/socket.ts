import { closeFd } from './files.ts';
import { check, lastErrno, native } from './libc.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SHUT_WR = 1;
const SHUT_RDWR = 2;
const POLLIN = 1;
const EINTR = 4;
/** sizeof(sockaddr_un.sun_path): unix(7). */
const LONGEST_PATH = 108;

/**
 * Connects to a Unix socket that keeps packets apart, which `node:net` does not know. The descriptor is written to by `fs.write`, a packet a
 * call, and read where blocking harms nobody.
 */
export function connectSeqpacket(path: string): number {
  const name = Buffer.from(path);
  const address = Buffer.alloc(2 + LONGEST_PATH);
  if (name.length >= LONGEST_PATH) throw new RangeError(`${path} is too long for a socket`);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = check(native('int socket(int, int, int)')(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), 'socket');
  try {
    check(native('int connect(int, const void *, uint32_t)')(fd, address, 2 + name.length + 1), 'connect', path);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** shutdown(2): no more will be sent, or nothing in either direction, which wakes whoever reads. */
export function shutdownSocket(fd: number, { both = false }: { both?: boolean } = {}): void {
  native('int shutdown(int, int)')(fd, both ? SHUT_RDWR : SHUT_WR);
}

/** pipe2(2), close-on-exec. */
export function makePipe(): { readonly read: number; readonly write: number } {
  const fds = Buffer.alloc(8);
  check(native('int pipe2(void *, int)')(fds, SOCK_CLOEXEC), 'pipe2');
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) };
}

/** poll(2): those of `fds` that can be read, or have ended. Blocks the thread. */
export function pollReadable(fds: readonly number[], timeout = -1): number[] {
  const entries = Buffer.alloc(fds.length * 8);
  for (const [at, fd] of fds.entries()) {
    entries.writeInt32LE(fd, at * 8);
    entries.writeInt16LE(POLLIN, at * 8 + 4);
  }
  const result = native('int poll(void *, unsigned long, int)')(entries, fds.length, timeout);
  if (result === -1 && lastErrno() === EINTR) return [];
  check(result, 'poll');
  return fds.filter((_, at) => entries.readInt16LE(at * 8 + 6) !== 0);
}
