import {
  annotateManifestList,
  createManifestList,
  inspectManifest,
  pushManifestList,
  removeManifestList,
} from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const manifestCreate: Command = command({
  args: 'LIST MANIFEST [MANIFEST...]',
  description: [
    'The members are images in registries, each for a platform. The list waits in the state folder until it is pushed.',
  ],
  flags: { amend: { kind: 'boolean', short: 'a', description: 'Add to a list that was begun' } },
  async run({ args, flags, print, signal, engine }) {
    const [name, ...members] = args as [string, ...string[]];
    print(
      `Created manifest list ${await createManifestList(await engine(), name, members, { amend: flags.amend, signal })}`,
    );
  },
});

export const manifestAnnotate: Command = command({
  args: 'LIST MANIFEST',
  flags: {
    arch: { kind: 'string', description: 'Set the architecture' },
    os: { kind: 'string', description: 'Set the operating system' },
    osVersion: { kind: 'string', description: 'Set the operating system’s version' },
    variant: { kind: 'string', description: 'Set the architecture’s variant' },
  },
  async run({ args, flags, engine }) {
    const [name, member] = args as [string, string];
    await annotateManifestList(await engine(), name, member, {
      ...(flags.arch !== undefined && { architecture: flags.arch }),
      ...(flags.os !== undefined && { os: flags.os }),
      ...(flags.osVersion !== undefined && { 'os.version': flags.osVersion }),
      ...(flags.variant !== undefined && { variant: flags.variant }),
    });
  },
});

export const manifestPush: Command = command({
  args: 'LIST',
  flags: { purge: { kind: 'boolean', short: 'p', description: 'Forget the list once it is pushed' } },
  async run({ args, flags, signal, print, engine }) {
    await using job = pushManifestList(await engine(), args[0] as string, { purge: flags.purge, signal });
    print(await job.result);
  },
});

export const manifestInspect: Command = command({
  args: 'NAME',
  async run({ args, print, signal, engine }) {
    print(JSON.stringify(await inspectManifest(await engine(), args[0] as string, { signal }), undefined, 3));
  },
});

export const manifestRemove: Command = command({
  args: 'LIST [LIST...]',
  async run({ args, engine }) {
    for (const name of args) await removeManifestList(await engine(), name);
  },
});
