import { openImageFiles } from '../../engine/index.ts';
import type { UnionFs } from '../../union/index.ts';
import { type Command, type CommandContext, command } from '../command.ts';
import { type FileRow, fileColumns } from '../file-rows.ts';
import { formatRows } from '../format.ts';
import { images } from './images.ts';

export const imageLs: Command = command({
  args: '[IMAGE] [PATH...]',
  description: [
    'Without PATH the images themselves are listed, as by strata images; with one what an image has there.',
  ],
  examples: ['image ls debian:12 /etc', 'image ls -l debian:12 /usr/bin/env'],
  flags: {
    ...images.flags,
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    long: { kind: 'boolean', short: 'l', description: 'Show mode, links, owner, size and time of files' },
    directory: { kind: 'boolean', short: 'd', description: 'Show a directory itself, not what is in it' },
    human: { kind: 'boolean', short: 'h', description: 'Print sizes of files as people read them' },
  },
  complete: ['image'],
  async run(context) {
    const [name, ...paths] = context.args;
    if (name === undefined || paths.length === 0) return (await images.run(context as CommandContext)) ?? 0;
    const { flags, print, engine } = context;
    await using files = await openImageFiles(await engine(), name);
    for (const [index, path] of paths.entries()) {
      const rows = await rowsAt(files.fs, path, flags.directory);
      if (paths.length > 1) print(`${index > 0 ? '\n' : ''}${path}:`);
      const text = formatRows(rows, fileColumns(flags), {
        table: flags.long ? ['Mode', 'Links', 'UID', 'GID', 'Size', 'Modified', 'Name'] : ['Path'],
        format: flags.format,
        heads: flags.long,
      });
      if (text !== '') print(text);
    }
    return 0;
  },
});

async function rowsAt(fs: UnionFs, path: string, itself: boolean): Promise<FileRow[]> {
  const stats = itself ? await fs.lstat(path) : await fs.stat(path);
  if (itself || !stats.isDirectory()) return [await rowOf(fs, path, path)];
  const names = (await fs.readdir(path)).sort();
  return Promise.all(names.map((name) => rowOf(fs, `${path}/${name}`, name)));
}

async function rowOf(fs: UnionFs, path: string, name: string): Promise<FileRow> {
  const stats = await fs.lstat(path);
  return { name, stats, ...(stats.isSymbolicLink() && { target: await fs.readlink(path) }) };
}
