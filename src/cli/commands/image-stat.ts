import { type ImageFiles, openImageFiles } from '../../engine/index.ts';
import { historyOf } from '../../image/index.ts';
import { mergeLayers, nodeAt, type UnionNode } from '../../union/index.ts';
import { type Command, command } from '../command.ts';
import { modeText, timeText, typeText } from '../file-rows.ts';
import { formatObjects } from '../format.ts';

export const imageStat: Command = command({
  args: 'IMAGE PATH [PATH...]',
  description: ['Symbolic links are shown themselves. The layer is the one that has what is seen; 0 is the lowest.'],
  flags: { format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' } },
  complete: ['image'],
  async run({ args: [name = '', ...paths], flags, print, engine }) {
    await using files = await openImageFiles(await engine(), name);
    const tree = mergeLayers(files.tables);
    const shown = await Promise.all(paths.map((path) => statOf(files, tree, path)));
    print(flags.format === undefined ? shown.map(textOf).join('\n\n') : formatObjects(shown, flags.format));
  },
});

interface FileStat {
  readonly Path: string;
  readonly Type: string;
  readonly Mode: string;
  readonly Permissions: string;
  readonly UID: number;
  readonly GID: number;
  readonly Size: number;
  readonly Links: number;
  readonly Modified: string;
  readonly Target?: string;
  readonly Device?: string;
  readonly Xattrs: Readonly<Record<string, string>>;
  readonly Layer: number;
  readonly DiffID?: string;
  readonly CreatedBy?: string;
}

async function statOf({ fs, image }: ImageFiles, tree: UnionNode, path: string): Promise<FileStat> {
  const stats = await fs.lstat(path);
  const place = fs.locate(path);
  const xattrs = await fs.listXattr(path, { follow: false });
  const layer = nodeAt(tree, place)?.layer ?? -1;
  const step = historyOf(image).filter((one) => one.layer)[layer];
  const { rdev } = stats;
  const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
  return {
    Path: place,
    Type: typeText(stats),
    Mode: (stats.mode & 0o7777).toString(8).padStart(4, '0'),
    Permissions: modeText(stats),
    UID: stats.uid,
    GID: stats.gid,
    Size: stats.size,
    Links: stats.nlink,
    Modified: timeText(stats.mtime),
    ...(stats.isSymbolicLink() && { Target: await fs.readlink(path) }),
    ...(isDevice && { Device: `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}` }),
    Xattrs: Object.fromEntries(
      await Promise.all(
        xattrs.map(async (name) => [
          name,
          (await fs.getXattr(path, name, { follow: false }))?.toString('base64') ?? '',
        ]),
      ),
    ),
    Layer: layer,
    ...(step?.layer && { DiffID: step.layer.diffID, CreatedBy: step.createdBy }),
  };
}

function textOf(stat: FileStat): string {
  const lines: [string, string][] = [
    ['Path', stat.Target === undefined ? stat.Path : `${stat.Path} -> ${stat.Target}`],
    ['Type', stat.Device === undefined ? stat.Type : `${stat.Type} ${stat.Device}`],
    ['Mode', `${stat.Mode} (${stat.Permissions})`],
    ['Owner', `${stat.UID}:${stat.GID}`],
    ['Size', String(stat.Size)],
    ['Links', String(stat.Links)],
    ['Modified', stat.Modified],
    ...Object.entries(stat.Xattrs).map(([name, value]): [string, string] => ['Xattr', `${name} = 0s${value}`]),
    ['Layer', stat.DiffID === undefined ? 'none names it' : `${stat.Layer} ${stat.DiffID.slice(7, 19)}`],
    ...(stat.CreatedBy ? [['Made by', stat.CreatedBy] as [string, string]] : []),
  ];
  return lines.map(([label, value]) => `${`${label}:`.padEnd(10)}${value}`).join('\n');
}
