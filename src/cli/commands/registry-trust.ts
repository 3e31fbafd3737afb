import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultRoot } from '../../engine/index.ts';
import { EngineError, writeFileAtomic } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const registryTrust: Command = command({
  args: 'HOST[:PORT]',
  description: [
    'Keeps a certificate authority for one registry in the state folder’s certs.d/, so that pull, push and login believe it.',
  ],
  flags: {
    ca: {
      kind: 'string',
      metavar: 'FILE',
      description: 'The authority’s certificate, PEM (that of this state’s own registry)',
      complete: 'file',
    },
    docker: { kind: 'boolean', description: 'Also for docker and podman: in /etc/docker/certs.d' },
  },
  async run({ args, flags, globals, print }) {
    const [host] = args as [string];
    if (!/^[A-Za-z0-9.-]+(?::\d+)?$|^\[[0-9a-fA-F:]+\](?::\d+)?$/.test(host) || /^\.+$/.test(host))
      throw new EngineError('InvalidArgument', `${host} is no HOST[:PORT]`);
    const root = globals.root ?? defaultRoot();
    const ca = flags.ca ?? join(root, 'registry/tls/ca.crt');
    const pem = await readFile(ca, 'utf8').catch((cause) => {
      throw new EngineError(
        'NotFound',
        `no certificate ${ca}; say which authority to trust: --ca FILE (strata registry serve prints its path)`,
        { cause },
      );
    });
    if (!pem.includes('-----BEGIN CERTIFICATE-----'))
      throw new EngineError('InvalidArgument', `${ca} holds no PEM certificate`);
    const folders = [join(root, 'certs.d', host), ...(flags.docker ? [join('/etc/docker/certs.d', host)] : [])];
    for (const folder of folders) {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await writeFileAtomic(join(folder, 'ca.crt'), pem, { mode: 0o644 });
      print(`Trusting ${host} by ${join(folder, 'ca.crt')}`);
    }
  },
});
