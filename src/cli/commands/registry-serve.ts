import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultRoot } from '../../engine/index.ts';
import {
  type AuthOptions,
  type RegistryConfig,
  type RegistryOptions,
  readRegistryConfig,
  startRegistry,
  trustInstructions,
} from '../../registry/index.ts';
import { EngineError, writeFileAtomic } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import type { Globals } from '../context.ts';
import type { Io } from '../io.ts';

const LISTEN = '127.0.0.1:5000';

export const registryServe: Command = command({
  description: [
    'Serves images to docker, podman, containerd and everyone else who speaks the distribution protocol, until it is stopped. With --tls auto it makes a certificate of its own and says how to trust it.',
    'What flags do not say comes from the environment (STRATA_REGISTRY_LIMITS_UPLOADS is limits.uploads), then from the file that --config names: JSON, with further keys for access rules, quotas, immutable tags, retention and limits.',
  ],
  flags: {
    anonymousPull: { kind: 'boolean', description: 'Let everybody pull; only users push' },
    collectEvery: { kind: 'duration', description: 'How often to collect what nothing needs; 0 for never' },
    config: { kind: 'string', metavar: 'FILE', description: 'Configuration, JSON', complete: 'file' },
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
      description: `Address to listen on; port 0 takes a free one (${LISTEN})`,
    },
    log: { kind: 'string', choices: ['none', 'json'], description: 'Write a line for each request to standard error' },
    metrics: {
      kind: 'string',
      choices: ['loopback', 'everybody', 'off'],
      description: 'Who may read /metrics, in Prometheus’s format',
    },
    name: { kind: 'list', metavar: 'HOST', description: 'A further name that the certificate is for' },
    noDelete: { kind: 'boolean', description: 'Refuse to delete manifests, tags and blobs' },
    plainHttp: { kind: 'boolean', description: 'Allow HTTP without TLS on addresses that others reach' },
    readyFile: { kind: 'string', metavar: 'FILE', description: 'Write HOST:PORT to a file once it answers' },
    robots: {
      kind: 'string',
      metavar: 'FILE',
      description: 'Robots and their tokens: see strata registry token create',
      complete: 'file',
    },
    tls: { kind: 'string', choices: ['auto', 'off'], description: 'auto: an own certificate; off: plain HTTP' },
    tlsCert: { kind: 'string', metavar: 'FILE', description: 'Certificate chain, PEM', complete: 'file' },
    tlsKey: { kind: 'string', metavar: 'FILE', description: 'Private key, PEM', complete: 'file' },
    tokens: { kind: 'boolean', description: 'Let clients exchange their password for tokens, given out here' },
    untagged: { kind: 'boolean', description: 'Collect manifests that no tag leads to' },
  },
  examples: [
    'registry serve --tls auto --htpasswd users',
    'registry serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem',
    'registry serve --config registry.json',
  ],
  async run({ flags, given, globals, signal, print, warn, io }) {
    if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
      throw new EngineError('InvalidArgument', '--tls-cert and --tls-key go together');
    const settled = await readRegistryConfig(flags.config, { env: io.env });
    const config: RegistryConfig = {
      ...settled,
      ...(flags.folder !== undefined && { folder: flags.folder }),
      ...(flags.htpasswd !== undefined && { htpasswd: flags.htpasswd }),
      ...(flags.robots !== undefined && { robots: flags.robots }),
      ...(flags.listen !== undefined && { listen: flags.listen }),
      ...(flags.log !== undefined && { log: flags.log }),
      ...(flags.metrics !== undefined && { metrics: flags.metrics }),
      ...(flags.tls !== undefined && { tls: flags.tls }),
      ...(flags.tlsCert !== undefined &&
        flags.tlsKey !== undefined && { tls: { cert: flags.tlsCert, key: flags.tlsKey } }),
      ...(flags.name.length > 0 && { names: flags.name }),
      ...(given.has('anonymousPull') && { anonymousPull: flags.anonymousPull }),
      ...(given.has('plainHttp') && { plainHttp: flags.plainHttp }),
      ...(given.has('tokens') && { tokens: flags.tokens }),
      ...(given.has('noDelete') && { delete: !flags.noDelete }),
      ...((flags.collectEvery !== undefined || given.has('untagged')) && {
        collection: {
          ...settled.collection,
          ...(flags.collectEvery !== undefined && { every: flags.collectEvery }),
          ...(given.has('untagged') && { untagged: flags.untagged }),
        },
      }),
    };
    await using server = await startRegistry(await optionsOf(config, globals, io));
    const { htpasswd } = config;
    const isOpen = htpasswd === undefined && !config.external;
    print(`Serving ${server.url}${isOpen ? ' to everybody: there are no users (--htpasswd)' : ''}`);
    if (htpasswd !== undefined && !existsSync(htpasswd))
      warn(
        `strata: nobody can log in yet, there is no file ${htpasswd}; make it with strata registry user add ${htpasswd} NAME`,
      );
    if (server.certificate) print(trustInstructions(server.host, server.certificate.caPath));
    if (flags.readyFile !== undefined) await writeFileAtomic(flags.readyFile, `${server.host}\n`, { mode: 0o644 });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  },
});

async function optionsOf(config: RegistryConfig, globals: Globals, io: Io): Promise<RegistryOptions> {
  const { htpasswd, robots, realm, anonymousPull, access, groups, tokens, tls, metrics } = config;
  const needsUsers = { robots, realm, anonymousPull, access, groups, tokens };
  const orphan = Object.entries(needsUsers).find(([, value]) => value !== undefined && value !== false)?.[0];
  if (htpasswd === undefined && orphan !== undefined)
    throw new EngineError('InvalidArgument', `${orphan} is for a registry with users: name their file with --htpasswd`);
  const auth = await authOf(config, needsUsers);
  const { host, port } = parseListen(config.listen ?? LISTEN);
  return {
    folder: config.folder ?? join(globals.root ?? defaultRoot(), 'registry'),
    host,
    port,
    rules: config,
    ...(config.names && { names: config.names }),
    ...(config.plainHttp !== undefined && { plainHttp: config.plainHttp }),
    ...(config.delete !== undefined && { delete: config.delete }),
    ...(config.sparseIndexes !== undefined && { sparseIndexes: config.sparseIndexes }),
    ...(config.limits && { limits: config.limits }),
    ...(config.collection && { collection: config.collection }),
    ...(tls !== undefined && tls !== 'off' && { tls: tls === 'auto' ? tls : await readPair(tls) }),
    ...(auth && { auth }),
    ...(metrics !== undefined && metrics !== 'off' && { metrics }),
    ...(config.log === 'json' && { log: (record) => void io.stderr.write(`${JSON.stringify(record)}\n`) }),
  };
}

async function authOf(
  { htpasswd, external }: RegistryConfig,
  more: Omit<AuthOptions, 'htpasswd'>,
): Promise<RegistryOptions['auth']> {
  if (!external) return htpasswd === undefined ? undefined : { htpasswd, ...more };
  if (htpasswd !== undefined)
    throw new EngineError('InvalidArgument', 'external and htpasswd exclude each other: one of them says who gets in');
  return { external: { ...external, keys: await Promise.all(external.keys.map((file) => readFile(file, 'utf8'))) } };
}

function parseListen(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65535)
    throw new EngineError('InvalidArgument', `--listen ${text}: expected HOST:PORT, such as 0.0.0.0:5000`);
  return { host: host.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0', port: Number(port) };
}

async function readPair({ cert, key }: { cert: string; key: string }): Promise<{ cert: string; key: string }> {
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}
