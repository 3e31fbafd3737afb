import { arch, release } from 'node:os';
import { type Command, command } from '../command.ts';
import { version as packageVersion } from '../version.ts';

/** Go's names, as image platforms have them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm: 'arm', arm64: 'arm64' };

export const version: Command = command({
  flags: {
    format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' },
  },
  async run({ flags, print }) {
    const part = {
      Version: packageVersion(),
      NodeVersion: process.versions.node,
      Os: process.platform,
      Arch: ARCHITECTURES[arch()] ?? arch(),
      KernelVersion: release(),
    };
    if (flags.format === undefined || flags.format === '') {
      print(
        [
          'strata:',
          ` Version:    ${part.Version}`,
          ` Node:       ${part.NodeVersion}`,
          ` OS/Arch:    ${part.Os}/${part.Arch}`,
          ` Kernel:     ${part.KernelVersion}`,
        ].join('\n'),
      );
      return;
    }
    // Client and engine are one program; scripts ask for either.
    const { formatObject } = await import('../format.ts');
    print(formatObject({ Client: part, Server: part }, flags.format));
  },
});
