import { readFileSync } from 'node:fs';

/** A file of an initramfs: its path without a leading slash. */
export interface Member {
  readonly path: string;
  readonly content: Buffer;
}

const DIRECTORY = 0o040755;
const FILE = 0o100755;

/** An archive as the kernel unpacks it at its start: cpio, format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst). */
export function initramfs(directories: readonly string[], members: readonly Member[]): Buffer {
  return Buffer.concat([
    ...directories.map((path) => entry(path, DIRECTORY, Buffer.alloc(0))),
    ...members.map(({ path, content }) => entry(path, FILE, content)),
    entry('TRAILER!!!', 0, Buffer.alloc(0)),
  ]);
}

export function fileMember(path: string, from: string): Member {
  return { path, content: readFileSync(from) };
}

let inode = 1;

function entry(path: string, mode: number, content: Buffer): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(content)]);
}

/** Header with name, and content, each end at a multiple of four. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
