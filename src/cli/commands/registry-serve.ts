import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultRoot } from '../../engine/index.ts';
import { startRegistry, trustInstructions } from '../../registry/index.ts';
import { EngineError, writeFileAtomic } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const registryServe: Command = command({
  description: [
    'Serves images to docker, podman, containerd and everyone else who speaks the distribution protocol, until it is stopped. With --tls auto it makes a certificate of its own and says how to trust it.',
  ],
  flags: {
    anonymousPull: { kind: 'boolean', description: 'Let everybody pull; only users push' },
    folder: {
      kind: 'string',
      metavar: 'FOLDER',
      description: 'Where everything is kept (the state folder’s registry/)',
      complete: 'file',
    },
    htpasswd: {
      kind: 'string',
      metavar: 'FILE',
      description: 'Users and bcrypt hashes: see strata registry user add',
      complete: 'file',
    },
    listen: {
      kind: 'string',
      short: 'l',
      metavar: 'HOST:PORT',
      default: '127.0.0.1:5000',
      description: 'Address to listen on; port 0 takes a free one',
    },
    log: {
      kind: 'string',
      choices: ['none', 'json'],
      default: 'none',
      description: 'Write a line for each request to standard error',
    },
    name: { kind: 'list', metavar: 'HOST', description: 'A further name that the certificate is for' },
    noDelete: { kind: 'boolean', description: 'Refuse to delete manifests, tags and blobs' },
    plainHttp: { kind: 'boolean', description: 'Allow HTTP without TLS on addresses that others reach' },
    readyFile: { kind: 'string', metavar: 'FILE', description: 'Write HOST:PORT to a file once it answers' },
    tls: { kind: 'string', choices: ['auto', 'off'], description: 'auto: an own certificate; off: plain HTTP' },
    tlsCert: { kind: 'string', metavar: 'FILE', description: 'Certificate chain, PEM', complete: 'file' },
    tlsKey: { kind: 'string', metavar: 'FILE', description: 'Private key, PEM', complete: 'file' },
  },
  examples: [
    'registry serve --tls auto --htpasswd users',
    'registry serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem',
  ],
  async run({ flags, globals, signal, print, warn, io }) {
    const { host, port } = parseListen(flags.listen);
    const tls = await tlsOf(flags);
    await using server = await startRegistry({
      folder: flags.folder ?? join(globals.root ?? defaultRoot(), 'registry'),
      host,
      port,
      names: flags.name,
      plainHttp: flags.plainHttp,
      delete: !flags.noDelete,
      ...(tls && { tls }),
      ...(flags.htpasswd !== undefined && { auth: { htpasswd: flags.htpasswd, anonymousPull: flags.anonymousPull } }),
      ...(flags.log === 'json' && { log: (record) => void io.stderr.write(`${JSON.stringify(record)}\n`) }),
    });
    print(
      `Serving ${server.url}${flags.htpasswd === undefined ? ' to everybody: there are no users (--htpasswd)' : ''}`,
    );
    if (flags.htpasswd !== undefined && !existsSync(flags.htpasswd))
      warn(
        `strata: nobody can log in yet, there is no ${flags.htpasswd}: strata registry user add ${flags.htpasswd} NAME`,
      );
    if (server.certificate) print(trustInstructions(server.host, server.certificate.caPath));
    if (flags.readyFile !== undefined) await writeFileAtomic(flags.readyFile, `${server.host}\n`, { mode: 0o644 });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  },
});

function parseListen(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65535)
    throw new EngineError('InvalidArgument', `--listen ${text}: expected HOST:PORT, such as 0.0.0.0:5000`);
  return { host: host.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0', port: Number(port) };
}

async function tlsOf(flags: {
  tls: 'auto' | 'off' | undefined;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
}): Promise<'auto' | { cert: string; key: string } | undefined> {
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
    throw new EngineError('InvalidArgument', '--tls-cert and --tls-key go together');
  if (flags.tlsCert !== undefined && flags.tlsKey !== undefined)
    return { cert: await readFile(flags.tlsCert, 'utf8'), key: await readFile(flags.tlsKey, 'utf8') };
  return flags.tls === 'auto' ? 'auto' : undefined;
}
