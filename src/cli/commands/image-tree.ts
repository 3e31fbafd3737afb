import { openImageFiles } from '../../engine/index.ts';
import type { FileSystem, Inode, UnionFs } from '../../union/index.ts';
import { type Command, command } from '../command.ts';
import { formatSize } from '../humanize.ts';
import { type Palette, paletteOf } from '../palette.ts';

export const imageTree: Command = command({
  args: 'IMAGE [PATH]',
  flags: {
    level: { kind: 'number', short: 'L', min: 1, description: 'Go this many directories deep' },
    directories: { kind: 'boolean', short: 'd', description: 'Show directories only' },
    size: { kind: 'boolean', short: 's', description: 'Show sizes, of directories that of all in them' },
  },
  complete: ['image'],
  async run({ args: [name = '', path = '/'], flags, io, print, engine }) {
    await using files = await openImageFiles(await engine(), name);
    const { fs } = files;
    const root = inodeAt(fs, await fs.realpath(path));
    const tree = new TreeText(fs.files, { ...flags, level: flags.level ?? Number.POSITIVE_INFINITY }, paletteOf(io));
    print(`${tree.heading(path, root)}${[...tree.linesOf(root)].map((line) => `\n${line}`).join('')}`);
    const { directories, others } = tree.counted;
    print(`\n${directories} director${directories === 1 ? 'y' : 'ies'}, ${others} file${others === 1 ? '' : 's'}`);
  },
});

function inodeAt({ files }: UnionFs, path: string): Inode {
  let inode = files.root;
  for (const name of path.split('/')) if (name !== '') inode = files.lookup(inode, name) ?? inode;
  return inode;
}

interface TreeFlags {
  readonly level: number;
  readonly directories: boolean;
  readonly size: boolean;
}

class TreeText {
  readonly counted = { directories: 0, others: 0 };
  readonly #files: FileSystem;
  readonly #flags: TreeFlags;
  readonly #palette: Palette;
  readonly #sizes = new Map<Inode, number>();

  constructor(files: FileSystem, flags: TreeFlags, palette: Palette) {
    this.#files = files;
    this.#flags = flags;
    this.#palette = palette;
  }

  heading(name: string, inode: Inode): string {
    const shown = inode.type === 'directory' ? this.#palette.blue(name) : name;
    return this.#flags.size ? `${formatSize(this.#sizeOf(inode), 3).padStart(7)}  ${shown}` : shown;
  }

  *linesOf(directory: Inode, indent = '', depth = 1): Generator<string> {
    if (directory.type !== 'directory' || depth > this.#flags.level) return;
    const children = this.#childrenOf(directory).filter(
      ([, inode]) => !this.#flags.directories || inode.type === 'directory',
    );
    for (const [index, [name, inode]] of children.entries()) {
      const isLast = index === children.length - 1;
      this.counted[inode.type === 'directory' ? 'directories' : 'others'] += 1;
      const target = inode.type === 'symlink' ? ` -> ${this.#files.readlink(inode)}` : '';
      yield `${indent}${isLast ? '└── ' : '├── '}${this.heading(name, inode)}${target}`;
      yield* this.linesOf(inode, `${indent}${isLast ? '    ' : '│   '}`, depth + 1);
    }
  }

  #childrenOf(directory: Inode): [name: string, inode: Inode][] {
    return this.#files
      .readdir(directory)
      .map(({ name }) => name)
      .sort()
      .flatMap((name) => {
        const inode = this.#files.lookup(directory, name);
        return inode ? [[name, inode] as [string, Inode]] : [];
      });
  }

  #sizeOf(inode: Inode): number {
    const known = this.#sizes.get(inode);
    if (known !== undefined) return known;
    const size =
      inode.type === 'directory'
        ? this.#childrenOf(inode).reduce((sum, [, child]) => sum + this.#sizeOf(child), 0)
        : this.#files.getattr(inode).size;
    this.#sizes.set(inode, size);
    return size;
  }
}
