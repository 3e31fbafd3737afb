import {
  closeSync,
  existsSync,
  constants as fs,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { AT_FDCWD, makeDevice, mknodAt, RenameFlag, renameAt2 } from '../../src/linux/index.ts';
import { as, type Case, OTHER, outcomeOf, outcomesOf } from './folder.ts';

const SOURCES = ['file', 'new', 'dir', 'merged', 'newdir', 'link', 'fifo', 'hard1', 'missing'];
const DESTINATIONS = ['missing2', 'other', 'newhard1', 'empty', 'newempty', 'dirlink', 'group', 'file/x', 'dir/moved'];
const FLAGGED = ['file', 'new', 'newdir', 'dir'];

export const NAMES: readonly Case[] = [
  ...SOURCES.flatMap((from) =>
    DESTINATIONS.map((to): Case => [`rename ${from} to ${to}`, (on) => renameSync(on.at(from), on.at(to))]),
  ),
  ...FLAGGED.flatMap((from) =>
    ['other', 'newempty', 'missing2'].flatMap((to): Case[] => [
      [
        `rename ${from} to ${to} with RENAME_NOREPLACE`,
        (on) => renameAt2(AT_FDCWD, on.at(from), AT_FDCWD, on.at(to), RenameFlag.noReplace),
      ],
      [
        `rename ${from} to ${to} with RENAME_EXCHANGE`,
        (on) => renameAt2(AT_FDCWD, on.at(from), AT_FDCWD, on.at(to), RenameFlag.exchange),
      ],
    ]),
  ),
  ['rename a directory into itself', (on) => renameSync(on.at('newdir'), on.at('newdir/in'))],
  ['rename a directory over its parent', (on) => renameSync(on.at('dir/sub'), on.at('dir'))],
  ['rename a file to itself', (on) => renameSync(on.at('file'), on.at('file'))],
  ['rename one hard link over the other', (on) => renameSync(on.at('newhard1'), on.at('newhard2'))],
  ['rename to ..', (on) => renameSync(on.at('new'), on.at('dir/..'))],
  ['rename out of the tree', (on) => renameSync(on.at('new'), '/tmp/strata-posix-other-device')],
  [
    'rename back and forth',
    (on) => {
      for (let i = 0; i < 5; i++) {
        renameSync(on.at('file'), on.at('moved'));
        renameSync(on.at('moved'), on.at('file'));
      }
    },
  ],
  ...[
    'file',
    'new',
    'dir',
    'merged',
    'newdir',
    'empty',
    'newempty',
    'link',
    'fifo',
    'missing',
    'file/x',
    'hard1',
  ].flatMap((target): Case[] => [
    [`unlink ${target}`, (on) => unlinkSync(on.at(target))],
    [`rmdir ${target}`, (on) => rmdirSync(on.at(target))],
    [
      `${target} is made again as a directory once it is gone`,
      (on) =>
        outcomesOf(
          () => (lstatSync(on.at(target)).isDirectory() ? rmdirSync(on.at(target)) : unlinkSync(on.at(target))),
          () => mkdirSync(on.at(target)),
          () => readdirSync(on.at(target)),
          () => rmdirSync(on.at(target)),
          () => writeFileSync(on.at(target), 'file now'),
        ),
    ],
    [
      `link to ${target}`,
      (on) =>
        outcomesOf(
          () => linkSync(on.at(target), on.at('linked')),
          () => lstatSync(on.at('linked')).nlink,
        ),
    ],
    [`link ${target} over a file`, (on) => linkSync(on.at(target), on.at('other'))],
  ]),
  ...['missing', 'file', 'dir', 'link', 'dangling', 'file/x', 'missing/x', 'newdir/x'].flatMap((target): Case[] => [
    [`mkdir ${target}`, (on) => mkdirSync(on.at(target), 0o750)],
    [`symlink at ${target}`, (on) => symlinkSync('anywhere', on.at(target))],
    [`mkfifo ${target}`, (on) => mknodAt(AT_FDCWD, on.at(target), fs.S_IFIFO | 0o600, 0n)],
    [`readlink ${target}`, (on) => readlinkSync(on.at(target))],
  ]),
  ...(['S_IFCHR', 'S_IFBLK', 'S_IFSOCK', 'S_IFREG', 'S_IFIFO'] as const).map(
    (type): Case => [
      `mknod ${type}`,
      (on) => {
        mknodAt(AT_FDCWD, on.at('node'), fs[type] | 0o606, makeDevice(259, 70_000));
        const { mode, rdev } = lstatSync(on.at('node'));
        return [mode, type === 'S_IFCHR' || type === 'S_IFBLK' ? rdev : 0];
      },
    ],
  ),
  ['a whiteout can not be made by hand', (on) => mknodAt(AT_FDCWD, on.at('white'), fs.S_IFCHR, 0n)],
  [
    'a device is made by root alone',
    (on) => as(OTHER, OTHER, () => mknodAt(AT_FDCWD, on.at('open/d'), fs.S_IFCHR, makeDevice(1, 3))),
  ],
  ...[255, 256].map(
    (length): Case => [
      `a name of ${length} bytes`,
      (on) =>
        outcomesOf(
          () => writeFileSync(on.at('n'.repeat(length)), ''),
          () => mkdirSync(on.at('d'.repeat(length))),
          () => symlinkSync('x', on.at('s'.repeat(length))),
          () => renameSync(on.at('new'), on.at('r'.repeat(length))),
          () => statSync(on.at('q'.repeat(length))),
        ),
    ],
  ),
  [
    'a link of 4095 bytes, and one more',
    (on) =>
      outcomesOf(
        () => symlinkSync('t'.repeat(4095), on.at('long')),
        () => readlinkSync(on.at('long')).length,
        () => symlinkSync('t'.repeat(4096), on.at('longer')),
      ),
  ],
  [
    'too many links on the way',
    (on) =>
      outcomesOf(
        () => statSync(on.at('loop')),
        () => statSync(on.at('loop/x')),
        () => openSync(on.at('loop'), 'w'),
      ),
  ],
  [
    'a path through what is no directory',
    (on) =>
      outcomesOf(
        () => statSync(on.at('file/')),
        () => statSync(on.at('file/.')),
        () => statSync(on.at('fifo/x')),
        () => statSync(on.at('dirlink/')).isDirectory(),
      ),
  ],
  [
    'a new directory in a new directory',
    (on) => {
      mkdirSync(on.at('a/b/c'), { recursive: true });
      return readdirSync(on.at('a/b'));
    },
  ],
  [
    'links are counted',
    (on) => {
      linkSync(on.at('new'), on.at('second'));
      linkSync(on.at('new'), on.at('dir/third'));
      const counts = [lstatSync(on.at('new')).nlink, lstatSync(on.at('dir/third')).nlink];
      unlinkSync(on.at('new'));
      return [
        ...counts,
        lstatSync(on.at('second')).nlink,
        lstatSync(on.at('second')).ino === lstatSync(on.at('dir/third')).ino,
      ];
    },
  ],
  [
    'hard links of the writable layer are one file',
    (on) => {
      writeFileSync(on.at('newhard1'), 'by the first');
      return [lstatSync(on.at('newhard1')).ino === lstatSync(on.at('newhard2')).ino, lstatSync(on.at('newhard2')).size];
    },
  ],
  [
    'hard links of a lower layer part at a write',
    (on) => {
      const before = lstatSync(on.at('hard1')).nlink;
      writeFileSync(on.at('hard1'), 'changed');
      return [before, lstatSync(on.at('hard1')).nlink, lstatSync(on.at('hard2')).nlink, lstatSync(on.at('hard2')).size];
    },
  ],
  [
    'the number of a file stays through copy-up',
    (on) => {
      const before = lstatSync(on.at('file')).ino;
      writeFileSync(on.at('file'), 'changed');
      return before === lstatSync(on.at('file')).ino;
    },
  ],
  [
    'the number of a directory stays through copy-up',
    (on) => {
      const before = lstatSync(on.at('dir')).ino;
      writeFileSync(on.at('dir/made'), '');
      return before === lstatSync(on.at('dir')).ino;
    },
  ],
  [
    'the device is one for files and directories',
    (on) => new Set(['file', 'new', 'dir', 'newdir', 'merged'].map((name) => lstatSync(on.at(name)).dev)).size === 1,
  ],
  [
    'directories of one layer and of several count their links',
    (on) => ['dir', 'merged', 'newdir', 'empty'].map((name) => lstatSync(on.at(name)).nlink),
  ],
  [
    'a directory is read while names in it go',
    (on) => {
      for (let i = 0; i < 500; i++) writeFileSync(on.at(`newempty/n${i}`), '');
      using reading = {
        folder: opendirSync(on.at('newempty')),
        [Symbol.dispose]() {
          this.folder.closeSync();
        },
      };
      let seen = 0;
      for (let entry = reading.folder.readSync(); entry; entry = reading.folder.readSync()) {
        seen++;
        unlinkSync(on.at(`newempty/${entry.name}`));
      }
      return [seen, readdirSync(on.at('newempty')).length, outcomeOf(() => rmdirSync(on.at('newempty')))];
    },
  ],
  [
    'a directory is read while names come into it',
    (on) => {
      for (let i = 0; i < 300; i++) writeFileSync(on.at(`newempty/n${i}`), '');
      const folder = opendirSync(on.at('newempty'));
      const seen = new Map<string, number>();
      for (let entry = folder.readSync(), i = 0; entry; entry = folder.readSync(), i++) {
        if (i < 200) writeFileSync(on.at(`newempty/more${i}`), '');
        if (entry.name.startsWith('n')) seen.set(entry.name, (seen.get(entry.name) ?? 0) + 1);
      }
      folder.closeSync();
      return [seen.size, Math.max(...seen.values())];
    },
  ],
  [
    'a name is listed as soon as it is made, and not once it is gone',
    (on) => {
      const listed = (): number => readdirSync(on.at('merged')).length;
      const counts = [listed()];
      writeFileSync(on.at('merged/x'), '');
      counts.push(listed());
      unlinkSync(on.at('merged/below'));
      counts.push(listed());
      renameSync(on.at('merged/x'), on.at('x'));
      return [...counts, listed()];
    },
  ],
  [
    'what a removed directory held open says',
    (on) => {
      const fd = openSync(on.at('newempty'), fs.O_RDONLY);
      rmdirSync(on.at('newempty'));
      const said = outcomesOf(
        () => fstatSync(fd).isDirectory(),
        () => writeFileSync(`/proc/self/fd/${fd}/x`, ''),
        () => readdirSync(`/proc/self/fd/${fd}`),
      );
      closeSync(fd);
      return said;
    },
  ],
  [
    'what a removed directory of a lower layer held open says',
    (on) => {
      const fd = openSync(on.at('empty'), fs.O_RDONLY);
      rmdirSync(on.at('empty'));
      const said = outcomesOf(
        () => fstatSync(fd).isDirectory(),
        () => writeFileSync(`/proc/self/fd/${fd}/x`, ''),
        () => readdirSync(`/proc/self/fd/${fd}`),
      );
      closeSync(fd);
      return said;
    },
  ],
  [
    'a directory with nothing but whiteouts is empty',
    (on) => {
      for (const name of ['dir/sub/deep', 'dir/inner']) unlinkSync(on.at(name));
      return outcomesOf(
        () => rmdirSync(on.at('dir')),
        () => rmdirSync(on.at('dir/sub')),
        () => rmdirSync(on.at('dir')),
        () => existsSync(on.at('dir')),
      );
    },
  ],
  ...(['unlink', 'rename', 'rmdir'] as const).flatMap((verb) =>
    ['sticky/theirs', 'open/x', 'dir/inner', 'owned/mine'].map(
      (target): Case => [
        `another user does ${verb} of ${target}`,
        (on) =>
          as(OTHER, OTHER, () => {
            if (verb === 'unlink') unlinkSync(on.at(target));
            else if (verb === 'rmdir') rmdirSync(on.at(target));
            else renameSync(on.at(target), on.at('open/taken'));
          }),
      ],
    ),
  ),
  ...['', 'dir', 'open', 'sticky', 'group', 'owned', 'merged'].map(
    (folder): Case => [
      `another user makes something in ${folder === '' ? 'the top' : folder}`,
      (on) =>
        as(OTHER, 100, () => {
          const path = folder === '' ? on.at('made') : on.at(`${folder}/made`);
          mkdirSync(path);
          const { mode, uid, gid } = lstatSync(path);
          writeFileSync(`${path}/file`, '');
          const file = lstatSync(`${path}/file`);
          return [mode, uid, gid, file.mode, file.uid, file.gid];
        }),
    ],
  ),
];
