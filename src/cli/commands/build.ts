import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import {
  type BuildProgress,
  type BuildSettings,
  build as buildImage,
  checkBuild,
  parseOutput,
  push,
} from '../../engine/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import { EngineError, isErrno } from '../../std/index.ts';
import { showBuild } from '../build-progress.ts';
import { type Command, command } from '../command.ts';
import { parseUlimit } from '../container-flags.ts';
import { showTransfer } from '../progress.ts';

export const build: Command = command({
  args: 'PATH|URL|-',
  description: [
    'The context is a folder, a tar, the URL of a tar or a git repository (REPOSITORY.git#REF:FOLDER), or - for a tar or a Dockerfile on standard input.',
    'RUN has no network unless --network host gives it one.',
  ],
  flags: {
    addHost: { kind: 'list', metavar: 'NAME:ADDRESS', description: 'Add a line to the /etc/hosts of RUN' },
    allow: {
      kind: 'list',
      separator: ',',
      metavar: 'NAME',
      description: 'Let the Dockerfile have network.host or security.insecure',
    },
    buildArg: {
      kind: 'list',
      metavar: 'NAME[=VALUE]',
      description: "Set an ARG; without a value, to this program's own variable",
    },
    buildContext: {
      kind: 'map',
      metavar: 'NAME=PATH',
      description: 'Another context for --from: a folder, or docker-image://IMAGE',
    },
    cacheFrom: { kind: 'list', metavar: 'type=local,src=FOLDER', description: 'Take in what --cache-to wrote' },
    cacheTo: {
      kind: 'list',
      metavar: 'type=local,dest=FOLDER',
      description: 'Write the steps of this build for others',
    },
    check: { kind: 'boolean', description: 'Only tell what the checks find in the Dockerfile' },
    file: {
      kind: 'string',
      short: 'f',
      metavar: 'FILE',
      complete: 'file',
      description: 'The Dockerfile; - for standard input',
    },
    iidfile: { kind: 'string', metavar: 'FILE', complete: 'file', description: "Write the image's ID to this file" },
    label: { kind: 'map', metavar: 'NAME=VALUE', description: 'Set a label of the image' },
    metadataFile: {
      kind: 'string',
      metavar: 'FILE',
      complete: 'file',
      description: 'Write what was built to this file, as JSON',
    },
    network: {
      kind: 'string',
      choices: ['default', 'none', 'host'],
      default: 'default',
      description: 'Network of RUN',
    },
    noCache: { kind: 'boolean', description: 'Make every step anew' },
    noCacheFilter: { kind: 'list', separator: ',', metavar: 'STAGE', description: 'Make the steps of this stage anew' },
    output: {
      kind: 'list',
      short: 'o',
      metavar: 'FOLDER|type=TYPE,dest=FILE',
      description: 'Write it to a folder, or as tar, docker or oci to a file; - is standard output',
    },
    platform: {
      kind: 'list',
      separator: ',',
      metavar: 'OS/ARCH',
      description: 'Build for this platform; several make an index',
    },
    progress: {
      kind: 'string',
      choices: ['auto', 'plain', 'tty', 'rawjson', 'quiet'],
      default: 'auto',
      description: 'How to tell of the steps',
    },
    push: { kind: 'boolean', description: 'Push it under its names' },
    pull: { kind: 'boolean', description: 'Ask the registries for newer base images' },
    quiet: { kind: 'boolean', short: 'q', description: "Only print the image's ID" },
    secret: {
      kind: 'list',
      metavar: 'id=ID[,src=FILE|,env=NAME]',
      description: 'A secret for RUN --mount=type=secret',
    },
    shmSize: { kind: 'bytes', description: 'Size of /dev/shm of RUN' },
    ssh: { kind: 'list', metavar: 'default|ID=SOCKET', description: 'An agent for RUN --mount=type=ssh' },
    tag: { kind: 'list', short: 't', metavar: 'NAME[:TAG]', complete: 'image', description: 'Name of the image' },
    target: { kind: 'string', metavar: 'STAGE', description: 'Build this stage, not the last one' },
    ulimit: { kind: 'list', metavar: 'NAME=SOFT[:HARD]', description: 'Set a resource limit of RUN' },
    load: { kind: 'boolean', hidden: true, description: 'As docker: what is built is in the store anyway' },
    rm: { kind: 'boolean', hidden: true, default: true, description: 'As docker: containers of steps never stay' },
    forceRm: { kind: 'boolean', hidden: true, description: 'As --rm' },
    why: { kind: 'boolean', description: 'Say of each step that is made why no earlier result fitted' },
    timestamp: {
      kind: 'number',
      metavar: 'SECONDS',
      description: 'Nothing that is made is younger; else $SOURCE_DATE_EPOCH',
    },
  },
  examples: [
    'build -t app:1 .',
    'build -f deploy/Dockerfile --target test .',
    'build --secret id=token,src=token.txt .',
  ],
  complete: ['file'],
  async run({ args, flags, io, signal, print, engine }) {
    const [location] = args as [string];
    const { env } = io;
    const given = buildArgs(flags.buildArg, env);
    const epoch = flags.timestamp ?? epochOf(given.get('SOURCE_DATE_EPOCH') ?? env['SOURCE_DATE_EPOCH']);
    const settings: BuildSettings = {
      signal,
      stdin: io.stdin,
      tags: flags.tag,
      buildArgs: given,
      labels: Object.fromEntries(flags.label),
      pull: flags.pull,
      contexts: flags.buildContext,
      secrets: new Map(flags.secret.map(parseSecret)),
      ssh: new Map(flags.ssh.map((text) => parseAgent(text, env))),
      allow: new Set(flags.allow.map(requireEntitlement)),
      noCache: flags.noCache || (flags.noCacheFilter.length > 0 && new Set(flags.noCacheFilter)),
      network: flags.network === 'host' ? 'host' : 'none',
      addHosts: flags.addHost,
      ulimits: flags.ulimit.map(parseUlimit),
      cacheFrom: flags.cacheFrom.map((text) => cacheFolder(text, 'src')),
      cacheTo: flags.cacheTo.map((text) => cacheFolder(text, 'dest')),
      outputs: flags.output.map((text) => parseOutput(text, io.stdout)),
      ...(flags.file !== undefined && { file: flags.file }),
      ...(flags.target !== undefined && { target: flags.target }),
      platforms: flags.platform.map((text) => parsePlatform(text)),
      ...(flags.shmSize !== undefined && { shmSize: flags.shmSize }),
      ...(epoch !== undefined && { epoch: new Date(epoch * 1000) }),
    };
    if (flags.check) {
      const findings = await checkBuild(await engine(), location, settings);
      for (const { rule, message, line, url } of findings) print(`${rule} (line ${line}): ${message}\n  ${url}`);
      if (findings.length === 0) print('Check complete, no warnings found.');
      return findings.length === 0 ? 0 : 1;
    }
    await using job = buildImage(await engine(), location, settings);
    const quiet = flags.quiet || flags.progress === 'quiet';
    const { image, target } = await showBuild<BuildProgress, Awaited<typeof job.result>>(io, job, {
      how: quiet ? 'quiet' : flags.progress,
      why: flags.why,
    });
    const { id } = image;
    if (flags.iidfile !== undefined) await writeFile(flags.iidfile, id);
    if (flags.metadataFile !== undefined) {
      const metadata = {
        'containerimage.config.digest': id,
        'containerimage.digest': target.digest,
        ...(flags.tag.length > 0 && { 'image.name': flags.tag.join(',') }),
      };
      await writeFile(flags.metadataFile, `${JSON.stringify(metadata, null, 2)}\n`);
    }
    if (flags.push) {
      if (flags.tag.length === 0)
        throw new EngineError('InvalidArgument', '--push needs a name: -t REGISTRY/NAME[:TAG]');
      for (const name of flags.tag) {
        await using pushing = push(await engine(), name, { signal });
        if (quiet) await pushing.result;
        else await showTransfer(io, pushing);
      }
    }
    const toStdout = settings.outputs?.some((output) => output.type !== 'image' && output.dest === io.stdout);
    if (!toStdout) print(id);
    return 0;
  },
});

/** A name alone takes the value that it has here, and none where it has none. */
function buildArgs(given: readonly string[], env: Readonly<Record<string, string | undefined>>): Map<string, string> {
  const values = new Map<string, string>();
  for (const text of given) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? env[name] : text.slice(equals + 1);
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text))
    throw new EngineError('InvalidArgument', `SOURCE_DATE_EPOCH=${text}: expected seconds since 1970`);
  return Number(text);
}

/** `type=local,src=FOLDER`, or the folder alone. */
function cacheFolder(text: string, name: 'src' | 'dest'): string {
  if (!text.includes('=')) return text;
  const fields = new Map(
    text.split(',').map((field) => [field.split('=', 1)[0] ?? '', field.slice(field.indexOf('=') + 1)]),
  );
  const folder = fields.get(name);
  if (fields.get('type') !== 'local')
    throw new EngineError(
      'NotImplemented',
      `caches of type ${fields.get('type')} are not there; use type=local,${name}=FOLDER`,
    );
  if (!folder) throw new EngineError('InvalidArgument', `${text}: expected type=local,${name}=FOLDER`);
  return folder;
}

/** `id=ID,src=FILE`, `id=ID,env=NAME`; a name alone is a file's or a variable's. */
function parseSecret(text: string): [string, { file: string } | { env: string }] {
  const fields = new Map(
    text.split(',').map((field): [string, string] => {
      const equals = field.indexOf('=');
      return equals < 0 ? [field.toLowerCase(), ''] : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    }),
  );
  const id = fields.get('id');
  const file = fields.get('src') ?? fields.get('source');
  const variable = fields.get('env');
  const type = fields.get('type');
  if (!id)
    throw new EngineError(
      'InvalidArgument',
      `--secret ${text.split('=', 1)[0]}…: expected id=ID,src=FILE or id=ID,env=NAME`,
    );
  if (variable !== undefined) return [id, { env: variable }];
  if (file !== undefined) return [id, type === 'env' ? { env: file } : { file }];
  return [id, type === 'env' || (type !== 'file' && process.env[id] !== undefined) ? { env: id } : { file: id }];
}

function parseAgent(text: string, env: Readonly<Record<string, string | undefined>>): [string, string] {
  const equals = text.indexOf('=');
  const id = equals < 0 ? text : text.slice(0, equals);
  const socket = equals < 0 ? env['SSH_AUTH_SOCK'] : text.slice(equals + 1);
  if (!socket)
    throw new EngineError(
      'InvalidArgument',
      `--ssh ${id}: no agent runs here; start one, or name its socket: --ssh ${id}=SOCKET`,
    );
  if (isKey(socket))
    throw new EngineError(
      'NotImplemented',
      `--ssh ${id}: a key needs an agent; ssh-add ${socket} and give --ssh ${id}`,
    );
  return [id, socket];
}

function isKey(path: string): boolean {
  try {
    return readFileSync(path, 'latin1').includes('PRIVATE KEY');
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'EACCES', 'EISDIR')) return false; // a socket can't be read so
    throw new EngineError('NotFound', `--ssh: no socket ${path}`, { cause: error });
  }
}

function requireEntitlement(text: string): 'network.host' | 'security.insecure' {
  if (text === 'network.host' || text === 'security.insecure') return text;
  throw new EngineError('InvalidArgument', `--allow ${text}: expected network.host or security.insecure`);
}
