import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants as fs,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {
  AT_FDCWD,
  alignedBuffer,
  allocateFile,
  check,
  getXattr,
  listXattrs,
  native,
  removeXattr,
  seekFile,
  setXattr,
  tryFlock,
  utimesAt,
} from '../../src/linux/index.ts';
import { as, type Case, type Folder, OTHER, outcomeOf, outcomesOf } from './folder.ts';

const FILES = ['file', 'new', 'big', 'newbig', 'sparse'];
const ALL = [...FILES, 'dir', 'merged', 'newdir', 'link', 'fifo'];
const MODES = [0o644, 0o4755, 0o2755, 0o1777, 0, 0o7777];
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const COLLAPSE_RANGE = 8;
const ZERO_RANGE = 16;

function withFile<T>(on: Folder, name: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(on.at(name), flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function modeOf(on: Folder, name: string): string {
  return (statSync(on.at(name)).mode & 0o7777).toString(8);
}

/** Writes through a shared mapping, then looks. */
function throughMapping(on: Folder, name: string, then: (map: unknown, fd: number) => unknown): unknown {
  return withFile(on, name, fs.O_RDWR, (fd) => {
    const map = native('void *mmap(void *, size_t, int, int, int, int64_t)')(null, 4096, 3, 1, fd, 0) as unknown;
    try {
      return then(map, fd);
    } finally {
      native('int munmap(void *, size_t)')(map, 4096);
    }
  });
}

const copy = (to: unknown, from: unknown, length: number): void =>
  void native('void *memcpy(void *, const void *, size_t)')(to, from, length);

const F_OFD_SETLK = 37;

/** A byte-range lock of one open file description; false where another has it. */
function lockRange(fd: number, type: 'read' | 'write' | 'none', start: number, length: number): unknown {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE({ read: 0, write: 1, none: 2 }[type], 0);
  lock.writeBigInt64LE(BigInt(start), 8);
  lock.writeBigInt64LE(BigInt(length), 16);
  return outcomeOf(() => check(native('int fcntl(int, int, void *)')(fd, F_OFD_SETLK, lock), 'fcntl'));
}

export const CONTENT: readonly Case[] = [
  ...ALL.flatMap((target) =>
    MODES.map((mode): Case => [`chmod ${target} to ${mode.toString(8)}`, (on) => chmodSync(on.at(target), mode)]),
  ),
  ...ALL.flatMap((target): Case[] => [
    [`lchown ${target}`, (on) => lchownSync(on.at(target), 5, 70_000)],
    [
      `set the times of ${target}`,
      (on) => {
        utimesAt(AT_FDCWD, on.at(target), 1_000_000_001n, 2_000_000_000_000_000_007n);
        const { atimeNs, mtimeNs } = lstatSync(on.at(target), { bigint: true });
        return [String(atimeNs), String(mtimeNs)];
      },
    ],
    [
      `attributes of ${target} are made, replaced, listed and removed`,
      (on) => {
        const at = on.at(target);
        return outcomesOf(
          () => setXattr(at, 'user.a', Buffer.from('1')),
          () => setXattr(at, 'user.a', Buffer.from('two')),
          () => setXattr(at, 'trusted.b', Buffer.from([0, 255])),
          () => getXattr(at, 'user.a')?.toString(),
          () => getXattr(at, 'user.none') ?? null,
          () => listXattrs(at).sort(),
          () => removeXattr(at, 'user.a'),
          () => removeXattr(at, 'user.a'),
          () => listXattrs(at).sort(),
        );
      },
    ],
    [
      `another user may neither chmod, chown nor touch ${target}`,
      (on) =>
        as(OTHER, OTHER, () =>
          outcomesOf(
            () => chmodSync(on.at(target), 0o777),
            () => lchownSync(on.at(target), OTHER, OTHER),
            () => utimesAt(AT_FDCWD, on.at(target), 1n, 1n),
            () => setXattr(on.at(target), 'user.x', Buffer.from('x')),
          ),
        ),
    ],
  ]),
  ...FILES.flatMap((target): Case[] => [
    ...[0, 1, 4096, 5_000_000].flatMap((size): Case[] => [
      [`truncate ${target} to ${size}`, (on) => truncateSync(on.at(target), size)],
      [
        `ftruncate an open ${target} to ${size}`,
        (on) =>
          withFile(on, target, fs.O_RDWR, (fd) => {
            ftruncateSync(fd, size);
            return fstatSync(fd).size;
          }),
      ],
    ]),
    [
      `truncate ${target} to less than nothing, and to more than there can be`,
      (on) =>
        outcomesOf(
          () => check(native('int truncate(const char *, int64_t)')(on.at(target), -1), 'truncate'),
          () => check(native('int truncate(const char *, int64_t)')(on.at(target), 2 ** 53), 'truncate'),
        ),
    ],
    ...(
      [
        ['plain', 0],
        ['KEEP_SIZE', KEEP_SIZE],
        ['PUNCH_HOLE', KEEP_SIZE | PUNCH_HOLE],
        ['ZERO_RANGE', ZERO_RANGE],
        ['COLLAPSE_RANGE', COLLAPSE_RANGE],
      ] as const
    ).map(
      ([name, mode]): Case => [
        `fallocate ${name} of ${target}`,
        (on) =>
          withFile(on, target, fs.O_RDWR, (fd) => [
            outcomeOf(() => allocateFile(fd, mode, 0, 8192)),
            fstatSync(fd).size,
          ]),
      ],
    ),
    [
      `fallocate of ${target} that is open for reading`,
      (on) => withFile(on, target, fs.O_RDONLY, (fd) => outcomeOf(() => allocateFile(fd, 0, 0, 100))),
    ],
    [
      `data and holes of ${target}`,
      (on) =>
        withFile(on, target, fs.O_RDONLY, (fd) =>
          outcomesOf(
            () => seekFile(fd, 0, 'data'),
            () => seekFile(fd, 0, 'hole'),
            () => seekFile(fd, 2 ** 21, 'data') ?? null,
          ),
        ),
    ],
    [
      `a mapping of ${target} shows in the file, and the file in it`,
      (on) =>
        throughMapping(on, target, (map, fd) => {
          copy(map, Buffer.from('MAPPED'), 6);
          const read = Buffer.alloc(6);
          readSync(fd, read, 0, 6, 0);
          writeSync(fd, 'WRITES', 0);
          const mapped = Buffer.alloc(6);
          copy(mapped, map, 6);
          return [read.toString(), mapped.toString()];
        }),
    ],
    [
      `what was mapped of ${target} is there once it is closed`,
      (on) => {
        throughMapping(on, target, (map) => copy(map, Buffer.from('stays'), 5));
        return readFileSync(on.at(target)).toString('latin1', 0, 5);
      },
    ],
    [
      `a mapping outlives the name of ${target}`,
      (on) =>
        throughMapping(on, target, (map, fd) => {
          unlinkSync(on.at(target));
          copy(map, Buffer.from('gone'), 4);
          const read = Buffer.alloc(4);
          readSync(fd, read, 0, 4, 0);
          return read.toString();
        }),
    ],
    [
      `O_DIRECT writes and reads of ${target}`,
      (on) =>
        withFile(on, target, fs.O_RDWR | fs.O_DIRECT, (fd) => {
          const block = alignedBuffer(4096, 4096);
          block.fill('direct ');
          const back = alignedBuffer(4096, 4096);
          return outcomesOf(
            () => writeSync(fd, block, 0, 4096, 0),
            () => readSync(fd, back, 0, 4096, 0),
            () => back.equals(block),
          );
        }),
    ],
    [
      `flock of ${target}: two openings exclude each other`,
      (on) =>
        withFile(on, target, fs.O_RDONLY, (one) =>
          withFile(on, target, fs.O_RDONLY, (two) => [
            tryFlock(one, 'exclusive'),
            tryFlock(two, 'shared'),
            tryFlock(one, 'shared'),
            tryFlock(two, 'shared'),
            tryFlock(two, 'exclusive'),
          ]),
        ),
    ],
    [
      `flock of ${target} excludes another process`,
      (on) =>
        withFile(on, target, fs.O_RDONLY, (fd) => [
          tryFlock(fd, 'exclusive'),
          spawnSync('flock', ['-n', on.at(target), 'true']).status,
        ]),
    ],
    [
      `ranges of ${target} are locked`,
      (on) =>
        withFile(on, target, fs.O_RDWR, (one) =>
          withFile(on, target, fs.O_RDWR, (two) => [
            lockRange(one, 'write', 0, 10),
            lockRange(two, 'read', 5, 1),
            lockRange(two, 'read', 10, 5),
            lockRange(one, 'none', 0, 10),
            lockRange(two, 'write', 0, 1),
          ]),
        ),
    ],
    [
      `fsync of ${target}`,
      (on) =>
        withFile(on, target, fs.O_RDWR, (fd) =>
          outcomesOf(
            () => writeSync(fd, 'safe', 0),
            () => fsyncSync(fd),
          ),
        ),
    ],
    [
      `the modification time of ${target} changes with a write`,
      (on) => {
        utimesAt(AT_FDCWD, on.at(target), 1n, 1n);
        const times = [lstatSync(on.at(target)).mtimeMs];
        withFile(on, target, fs.O_WRONLY, (fd) => {
          times.push(fstatSync(fd).mtimeMs);
          writeSync(fd, 'x', 0);
          times.push(fstatSync(fd).mtimeMs);
        });
        return times.map((time) => time > 1000);
      },
    ],
    [
      `an unprivileged write drops set-user-ID from ${target}`,
      (on) => {
        chownSync(on.at(target), OTHER, OTHER);
        chmodSync(on.at(target), 0o6777);
        return as(OTHER, OTHER, () => {
          const before = modeOf(on, target);
          withFile(on, target, fs.O_WRONLY, (fd) => writeSync(fd, 'x', 0));
          return [before, modeOf(on, target)];
        });
      },
    ],
    [
      `an unprivileged truncate drops set-user-ID from ${target}`,
      (on) => {
        chownSync(on.at(target), OTHER, OTHER);
        chmodSync(on.at(target), 0o6777);
        return as(OTHER, OTHER, () => {
          truncateSync(on.at(target), 1);
          return modeOf(on, target);
        });
      },
    ],
    [
      `chown drops set-user-ID from ${target}`,
      (on) => {
        chmodSync(on.at(target), 0o6755);
        chownSync(on.at(target), 7, 7);
        return modeOf(on, target);
      },
    ],
    [
      `copy_file_range within ${target}`,
      (on) =>
        withFile(on, target, fs.O_RDWR, (fd) =>
          outcomeOf(() =>
            check(
              native('int64_t copy_file_range(int, void *, int, void *, size_t, unsigned int)')(
                fd,
                offset(0),
                fd,
                offset(100_000),
                5,
                0,
              ),
              'copy_file_range',
            ),
          ),
        ),
    ],
  ]),
  [
    'chown of a set-user-ID file by its user',
    (on) =>
      as(OTHER, OTHER, () =>
        outcomesOf(
          () => chownSync(on.at('setuid'), OTHER, OTHER),
          () => modeOf(on, 'setuid'),
        ),
      ),
  ],
  [
    'chmod to set-group-ID by who is not in the group',
    (on) => {
      chownSync(on.at('theirs'), OTHER, 4242);
      return as(OTHER, OTHER, () =>
        outcomesOf(
          () => chmodSync(on.at('theirs'), 0o2755),
          () => modeOf(on, 'theirs'),
        ),
      );
    },
  ],
  [
    'a file capability goes with a write of another user',
    (on) => {
      const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
      setXattr(on.at('theirs'), 'security.capability', capability);
      const before = getXattr(on.at('theirs'), 'security.capability')?.toString('hex');
      as(OTHER, OTHER, () => withFile(on, 'theirs', fs.O_WRONLY, (fd) => writeSync(fd, 'x', 0)));
      return [before, getXattr(on.at('theirs'), 'security.capability')?.toString('hex') ?? null];
    },
  ],
  [
    'an attribute of a lower layer is kept by copy-up',
    (on) => {
      writeFileSync(on.at('noted'), 'x');
      return getXattr(on.at('noted'), 'user.note')?.toString();
    },
  ],
  [
    'an attribute of a lower layer is removed',
    (on) => {
      removeXattr(on.at('noted'), 'user.note');
      return listXattrs(on.at('noted'));
    },
  ],
  [
    'values up to 4000 bytes, and too large ones',
    (on) =>
      outcomesOf(
        () => setXattr(on.at('new'), 'user.big', Buffer.alloc(3000, 'v')),
        () => getXattr(on.at('new'), 'user.big')?.length,
        () => setXattr(on.at('new'), 'user.huge', Buffer.alloc(65_537)),
        () => setXattr(on.at('new'), `user.${'n'.repeat(251)}`, Buffer.from('x')),
        () => setXattr(on.at('new'), 'nonsense.x', Buffer.from('x')),
      ),
  ],
  [
    'a default ACL is inherited',
    (on) => {
      const acl = Buffer.from(
        '02000000010007000000000002000600e803000004000500000000001000070000000000200000000000ffff',
        'hex',
      );
      for (const at of [16, 20, 4, 28, 36]) if (at % 8 === 4) acl.writeUInt32LE(0xffffffff, Math.min(at + 4, 40));
      acl.writeUInt32LE(OTHER, 16);
      return outcomesOf(
        () => setXattr(on.at('newdir'), 'system.posix_acl_default', acl),
        () => writeFileSync(on.at('newdir/acl'), '', { mode: 0o666 }),
        () => modeOf(on, 'newdir/acl'),
        () => getXattr(on.at('newdir/acl'), 'system.posix_acl_access')?.toString('hex') ?? null,
      );
    },
  ],
  [
    'reads at, before and after the end',
    (on) =>
      withFile(on, 'file', fs.O_RDONLY, (fd) =>
        [0, 5, 10, 11, 1000].map((at) => readSync(fd, Buffer.alloc(20), 0, 20, at)),
      ),
  ],
  [
    'a write to a descriptor for reading, a read from one for writing',
    (on) =>
      outcomesOf(
        () => withFile(on, 'new', fs.O_RDONLY, (fd) => writeSync(fd, 'x')),
        () => withFile(on, 'new', fs.O_WRONLY, (fd) => readSync(fd, Buffer.alloc(1))),
      ),
  ],
  [
    'statfs tells a sensible size',
    (on) => {
      const { bsize, blocks, bfree, files } = statfsSync(on.path);
      return [bsize, blocks > 1000, bfree <= blocks, files > 100];
    },
  ],
  ['blocks of a sparse file are few', (on) => lstatSync(on.at('sparse')).blocks < 64],
  [
    'a file that is renamed over an open one',
    (on) =>
      withFile(on, 'file', fs.O_RDONLY, (fd) => {
        renameSync(on.at('new'), on.at('file'));
        const into = Buffer.alloc(5);
        readSync(fd, into, 0, 5, 0);
        return [into.toString(), fstatSync(fd).nlink, readFileSync(on.at('file'), 'latin1')];
      }),
  ],
  [
    'programs run, scripts and with set-user-ID',
    (on) => {
      writeFileSync(on.at('script'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
      return [
        String(spawnSync(on.at('script')).stdout),
        outcomeOf(() => as(OTHER, OTHER, () => openSync(on.at('script'), fs.O_WRONLY))),
      ];
    },
  ],
  [
    'a running program can not be written',
    (on) => {
      writeFileSync(on.at('sleeper'), readFileSync('/bin/sleep'), { mode: 0o755 });
      const done = spawnSync('sh', ['-c', '"$0" 1 & sleep 0.2; : >> "$0"; echo $?; kill $!', on.at('sleeper')]);
      return String(done.stdout).trim() !== '0';
    },
  ],
  [
    'an anonymous file is made and named',
    (on) => {
      const O_TMPFILE = 0o20000000 | fs.O_DIRECTORY;
      return outcomeOf(() => {
        const fd = openSync(on.path, fs.O_RDWR | O_TMPFILE, 0o600);
        writeSync(fd, 'x');
        closeSync(fd);
      });
    },
  ],
];

function offset(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(BigInt(value));
  return buffer;
}
