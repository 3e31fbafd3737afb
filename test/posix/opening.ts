import {
  closeSync,
  constants as fs,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { as, type Case, type Folder, OTHER, outcomeOf, outcomesOf } from './folder.ts';

const FLAGS: Readonly<Record<string, number>> = {
  O_RDONLY: fs.O_RDONLY,
  O_WRONLY: fs.O_WRONLY,
  O_RDWR: fs.O_RDWR,
  'O_WRONLY|O_TRUNC': fs.O_WRONLY | fs.O_TRUNC,
  'O_RDONLY|O_TRUNC': fs.O_RDONLY | fs.O_TRUNC,
  'O_WRONLY|O_APPEND': fs.O_WRONLY | fs.O_APPEND,
  'O_WRONLY|O_CREAT': fs.O_WRONLY | fs.O_CREAT,
  'O_WRONLY|O_CREAT|O_EXCL': fs.O_WRONLY | fs.O_CREAT | fs.O_EXCL,
  'O_WRONLY|O_CREAT|O_TRUNC': fs.O_WRONLY | fs.O_CREAT | fs.O_TRUNC,
  'O_RDONLY|O_DIRECTORY': fs.O_RDONLY | fs.O_DIRECTORY,
  'O_RDONLY|O_NOFOLLOW': fs.O_RDONLY | fs.O_NOFOLLOW,
  'O_RDWR|O_SYNC': fs.O_RDWR | fs.O_SYNC,
};

const TARGETS = ['file', 'new', 'big', 'missing', 'dir', 'merged', 'link', 'dangling', 'loop', 'file/x', 'dirlink'];

/** Opens, and tells what can be done with what was opened. */
function tryOpen(on: Folder, name: string, flags: number): unknown {
  return outcomeOf(() => {
    const fd = openSync(on.at(name), flags, 0o640);
    try {
      const into = Buffer.alloc(10);
      return outcomesOf(
        () => fstatSync(fd).size,
        () => into.toString('latin1', 0, readSync(fd, into, 0, 10, 0)),
        () => writeSync(fd, 'WRITTEN', 0),
        () => fstatSync(fd).size,
      );
    } finally {
      closeSync(fd);
    }
  });
}

export const OPENING: readonly Case[] = [
  ...Object.entries(FLAGS).flatMap(([flagNames, flags]) =>
    TARGETS.map((target): Case => [`open ${target} with ${flagNames}`, (on) => tryOpen(on, target, flags)]),
  ),
  ...['file', 'secret', 'theirs', 'missing', 'open/missing', 'dir/missing', 'owned/mine'].flatMap((target) =>
    (['O_RDONLY', 'O_RDWR', 'O_WRONLY|O_CREAT', 'O_WRONLY|O_TRUNC'] as const).map(
      (flags): Case => [
        `another user opens ${target} with ${flags}`,
        (on) => as(OTHER, OTHER, () => tryOpen(on, target, FLAGS[flags] as number)),
      ],
    ),
  ),
  ...['file', 'new', 'big', 'newbig'].flatMap((target): Case[] => [
    [
      `an open ${target} is read after its name is gone`,
      (on) => {
        const fd = openSync(on.at(target), fs.O_RDWR);
        unlinkSync(on.at(target));
        const into = Buffer.alloc(5);
        const said = outcomesOf(
          () => fstatSync(fd).nlink,
          () => readSync(fd, into, 0, 5, 0),
          () => writeSync(fd, 'again', 0),
          () => ftruncateSync(fd, 3),
          () => fstatSync(fd).size,
        );
        closeSync(fd);
        return [...said, into.toString()];
      },
    ],
    [
      `an open ${target} follows its file through a rename`,
      (on) => {
        const fd = openSync(on.at(target), fs.O_RDWR);
        renameSync(on.at(target), on.at('elsewhere'));
        writeSync(fd, 'renamed', 0);
        closeSync(fd);
      },
    ],
    [
      `a reader of ${target} sees what a later writer writes`,
      (on) => {
        const reader = openSync(on.at(target), fs.O_RDONLY);
        const writer = openSync(on.at(target), fs.O_WRONLY);
        writeSync(writer, 'FRESH', 0);
        const into = Buffer.alloc(5);
        readSync(reader, into, 0, 5, 0);
        closeSync(reader);
        closeSync(writer);
        return into.toString();
      },
    ],
    [
      `a reader of ${target} sees its size when it is cut by name`,
      (on) => {
        const reader = openSync(on.at(target), fs.O_RDONLY);
        truncateSync(on.at(target), 2);
        const said = outcomesOf(
          () => fstatSync(reader).size,
          () => readSync(reader, Buffer.alloc(10), 0, 10, 0),
        );
        closeSync(reader);
        return said;
      },
    ],
    [
      `two that append to ${target} do not overwrite each other`,
      (on) => {
        const fds = [1, 2].map(() => openSync(on.at(target), fs.O_WRONLY | fs.O_APPEND));
        for (const text of ['one', 'two', 'three']) for (const fd of fds) writeSync(fd, text);
        const { size } = fstatSync(fds[0] as number);
        for (const fd of fds) closeSync(fd);
        return size;
      },
    ],
    [
      `${target} grows by a write beyond its end`,
      (on) => {
        const fd = openSync(on.at(target), fs.O_RDWR);
        writeSync(fd, 'far', 1_000_000);
        const into = Buffer.alloc(3);
        const read = readSync(fd, into, 0, 3, 999_999);
        closeSync(fd);
        return [read, into.toString('hex')];
      },
    ],
    [
      `${target} is read with O_DIRECT`,
      (on) => {
        const fd = openSync(on.at(target), fs.O_RDONLY | fs.O_DIRECT);
        const block = Buffer.from(new ArrayBuffer(8192 + 4096));
        const read = outcomeOf(() => readSync(fd, block, 0, 4096, 0)) !== undefined;
        closeSync(fd);
        return read;
      },
    ],
  ]),
];
