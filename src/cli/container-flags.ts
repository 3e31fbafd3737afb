import type { CreateSettings } from '../engine/index.ts';
import type { MountOption, RestartPolicy, SecurityOptions, Ulimit } from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';
import type { FlagValues } from './flags.ts';
import { parseMount, parseTmpfs, parseVolume } from './mount-flags.ts';
import { flagError } from './system-error.ts';

/** What `create` and `run` take alike, under docker's names. */
export const containerFlags = {
  addHost: { kind: 'list', metavar: 'HOST:IP', description: 'Add a line to /etc/hosts' },
  capAdd: { kind: 'list', metavar: 'CAP', description: 'Add a Linux capability' },
  capDrop: { kind: 'list', metavar: 'CAP', description: 'Drop a Linux capability' },
  cpuShares: { kind: 'number', short: 'c', min: 0, description: 'Weight against other containers' },
  cpus: { kind: 'decimal', min: 0, description: 'Number of processors, such as 1.5' },
  blkioWeight: { kind: 'number', min: 0, max: 1000, description: 'Weight of its disk accesses, 10 to 1000' },
  cpusetCpus: { kind: 'string', metavar: '0-3,5', description: 'Processors that it may use' },
  cpusetMems: { kind: 'string', metavar: '0-1', description: 'Memory nodes that it may use' },
  device: { kind: 'list', metavar: 'HOST[:CONTAINER[:rwm]]', description: 'Add a device of the host' },
  entrypoint: { kind: 'string', metavar: 'COMMAND', description: 'Replace the image’s ENTRYPOINT' },
  env: {
    kind: 'list',
    short: 'e',
    metavar: 'NAME[=VALUE]',
    description: 'Set a variable; a name alone takes the value from here',
  },
  envFile: { kind: 'list', metavar: 'FILE', description: 'Read variables from a file', complete: 'file' },
  expose: { kind: 'list', metavar: 'PORT', description: 'Say that a port is used' },
  groupAdd: { kind: 'list', metavar: 'GROUP', description: 'Add a supplementary group' },
  healthCmd: { kind: 'string', metavar: 'COMMAND', description: 'Command that checks its health' },
  healthInterval: { kind: 'duration', description: 'Time between checks' },
  healthRetries: { kind: 'number', min: 0, description: 'Failures in a row that make it unhealthy' },
  healthStartPeriod: { kind: 'duration', description: 'Time in which failures do not count' },
  healthTimeout: { kind: 'duration', description: 'Time that a check may take' },
  hostname: { kind: 'string', short: 'h', metavar: 'NAME', description: 'Its host name' },
  domainname: { kind: 'string', metavar: 'NAME', description: 'Its NIS domain name' },
  interactive: { kind: 'boolean', short: 'i', description: 'Keep standard input open' },
  ipc: { kind: 'string', choices: ['private', 'host'] as const, description: 'Use the host’s IPC namespace' },
  label: { kind: 'list', short: 'l', metavar: 'KEY[=VALUE]', description: 'Set a label' },
  memory: { kind: 'bytes', short: 'm', description: 'Most memory that it may have' },
  memoryReservation: { kind: 'bytes', description: 'Soft limit of memory' },
  memorySwap: { kind: 'bytes', unlimited: true, description: 'Memory and swap together; -1 for unlimited swap' },
  mount: { kind: 'list', metavar: 'type=…,src=…,dst=…', description: 'Mount a folder, volume or tmpfs' },
  name: { kind: 'string', description: 'Its name' },
  network: { kind: 'string', aliases: ['net'], metavar: 'host|none', description: 'Its network' },
  noHealthcheck: { kind: 'boolean', description: 'Drop the image’s HEALTHCHECK' },
  oomScoreAdj: {
    kind: 'number',
    min: -1000,
    max: 1000,
    description: 'How readily the kernel kills it when memory is short',
  },
  pid: { kind: 'string', choices: ['private', 'host'] as const, description: 'Use the host’s PID namespace' },
  pidsLimit: { kind: 'number', description: 'Most processes that it may have; -1 for no limit' },
  platform: { kind: 'string', metavar: 'OS/ARCH', description: 'Platform of the image' },
  privileged: { kind: 'boolean', description: 'Take away all walls but those between namespaces' },
  publish: {
    kind: 'list',
    short: 'p',
    metavar: '[HOST:]PORT:PORT',
    description: 'Publish a port (not yet: see docs/status.md)',
  },
  pull: {
    kind: 'string',
    choices: ['always', 'missing', 'never'] as const,
    default: 'missing',
    description: 'When to pull the image',
  },
  readOnly: { kind: 'boolean', description: 'Mount its root file system read-only' },
  restart: {
    kind: 'string',
    metavar: 'no|on-failure[:N]|always|unless-stopped',
    default: 'no',
    description: 'When to start it again',
  },
  rm: { kind: 'boolean', description: 'Remove it, and its anonymous volumes, when it ends' },
  securityOpt: {
    kind: 'list',
    metavar: 'OPTION',
    description: 'seccomp=…, apparmor=…, no-new-privileges, label=…, systempaths=unconfined',
  },
  shmSize: { kind: 'bytes', description: 'Size of /dev/shm' },
  stopSignal: { kind: 'string', metavar: 'SIGNAL', description: 'Signal that stops it' },
  stopTimeout: { kind: 'number', min: 0, description: 'Seconds between the signal and SIGKILL' },
  sysctl: { kind: 'map', description: 'Set a kernel parameter of its namespaces' },
  tmpfs: { kind: 'list', metavar: 'PATH[:OPTIONS]', description: 'Mount a tmpfs' },
  tty: { kind: 'boolean', short: 't', description: 'Give it a terminal' },
  ulimit: { kind: 'list', metavar: 'NAME=SOFT[:HARD]', description: 'Set a resource limit' },
  user: { kind: 'string', short: 'u', metavar: 'NAME|UID[:GROUP|GID]', description: 'User that it runs as' },
  uts: { kind: 'string', choices: ['private', 'host'] as const, description: 'Use the host’s UTS namespace' },
  volume: { kind: 'list', short: 'v', metavar: '[SOURCE:]TARGET[:OPTIONS]', description: 'Mount a folder or volume' },
  workdir: { kind: 'string', short: 'w', metavar: 'PATH', description: 'Working directory' },
} as const;

export type ContainerFlagValues = FlagValues<typeof containerFlags>;

/** The flags as the engine takes them. `env` are this process's own variables, for `-e NAME`. Throws InvalidArgument. */
export async function settingsOf(
  flags: ContainerFlagValues,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CreateSettings> {
  if (flags.publish.length > 0)
    throw new EngineError(
      'NotImplemented',
      'publishing ports needs a bridge network, which is not there yet; use --network host (docs/status.md)',
    );
  const memory = { memory: flags.memory, memoryReservation: flags.memoryReservation, memorySwap: flags.memorySwap };
  const processors = {
    cpus: flags.cpus,
    cpuShares: flags.cpuShares,
    cpusetCpus: flags.cpusetCpus,
    cpusetMems: flags.cpusetMems,
    blkioWeight: flags.blkioWeight,
  };
  const pids = flags.pidsLimit !== undefined && flags.pidsLimit > 0 ? flags.pidsLimit : undefined;
  return defined({
    name: flags.name,
    ...(command.length > 0 && { command }),
    ...(flags.entrypoint !== undefined && { entrypoint: flags.entrypoint === '' ? [] : [flags.entrypoint] }),
    env: [...(await envFiles(flags.envFile)), ...flags.env].flatMap((entry) => envEntry(entry, env)),
    user: flags.user,
    groupAdd: flags.groupAdd,
    workingDir: flags.workdir,
    tty: flags.tty,
    openStdin: flags.interactive,
    hostname: flags.hostname,
    domainname: flags.domainname,
    labels: labelsOf(flags.label),
    mounts: [
      ...flags.volume.map(parseVolume),
      ...flags.mount.map(parseMount),
      ...flags.tmpfs.map(parseTmpfs),
    ] satisfies MountOption[],
    devices: flags.device.map(parseDevice),
    network: parseNetwork(flags.network),
    exposedPorts: flags.expose,
    extraHosts: flags.addHost.map(parseHost),
    pid: flags.pid,
    ipc: flags.ipc,
    uts: flags.uts,
    readOnly: flags.readOnly,
    security: await securityOf(flags),
    resources: defined({ ...memory, ...processors, pids, oomScoreAdj: flags.oomScoreAdj }),
    ulimits: flags.ulimit.map(parseUlimit),
    sysctls: Object.fromEntries(flags.sysctl),
    shmSize: flags.shmSize,
    stopSignal: flags.stopSignal,
    stopTimeout: flags.stopTimeout,
    restart: parseRestart(flags.restart, flags.rm),
    autoRemove: flags.rm,
    healthcheck: healthcheckOf(flags),
  });
}

/** Without what is undefined, so that "not given" and "absent" are one. */
function defined<Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}

async function envFiles(files: readonly string[]): Promise<string[]> {
  if (files.length === 0) return [];
  const texts = await Promise.all(files.map((file) => readFlagFile('env-file', file)));
  return texts
    .flatMap((text) => text.split('\n').map((line) => line.replace(/^\s+|\r$/g, '')))
    .filter((line) => line !== '' && !line.startsWith('#'));
}

async function readFlagFile(flag: string, path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw flagError(flag, path, error);
  }
}

/** `NAME=value` as it is; a name alone takes this process's value, and nothing where it has none. */
function envEntry(entry: string, env: NodeJS.ProcessEnv): string[] {
  if (entry === '' || entry.startsWith('='))
    throw new EngineError('InvalidArgument', `invalid environment variable: ${JSON.stringify(entry)}`);
  if (entry.includes('=')) return [entry];
  const value = env[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const at = label.indexOf('=');
      return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)];
    }),
  );
}

function parseDevice(text: string): { source: string; target: string; permissions: string } {
  const [source = '', second, third] = text.split(':');
  const isPermissions = (part: string | undefined): part is string => part !== undefined && /^[rwm]+$/.test(part);
  const target = second === undefined || isPermissions(second) ? source : second;
  const permissions = isPermissions(third) ? third : isPermissions(second) ? second : 'rwm';
  if (!source.startsWith('/') || !target.startsWith('/') || (third !== undefined && !isPermissions(third))) {
    throw new EngineError('InvalidArgument', `--device ${text}: expected /dev/NAME[:/dev/NAME[:rwm]]`);
  }
  return { source, target, permissions };
}

function parseNetwork(text: string | undefined): 'host' | 'none' | undefined {
  if (text === undefined || text === 'host' || text === 'none') return text;
  throw new EngineError('NotImplemented', `--network ${text}: only host and none are there yet (docs/status.md)`);
}

function parseHost(text: string): string {
  const at = text.search(/[:=]/);
  if (at < 1 || at === text.length - 1)
    throw new EngineError('InvalidArgument', `--add-host ${text}: expected HOST:IP`);
  return `${text.slice(0, at)}:${text.slice(at + 1).replace(/^\[(.*)\]$/, '$1')}`;
}

export function parseUlimit(text: string): Ulimit {
  const [, name, soft, hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (!name)
    throw new EngineError('InvalidArgument', `--ulimit ${text}: expected NAME=SOFT[:HARD], such as nofile=1024:2048`);
  return { name, soft: Number(soft), hard: Number(hard) };
}

export function parseRestart(text: string, autoRemove = false): RestartPolicy {
  const [, name, retries] = /^(no|always|unless-stopped|on-failure)(?::(\d+))?$/.exec(text) ?? [];
  if (!name || (retries !== undefined && name !== 'on-failure')) {
    throw new EngineError(
      'InvalidArgument',
      `--restart ${text}: expected no, on-failure[:N], always or unless-stopped`,
    );
  }
  if (autoRemove && name !== 'no') throw new EngineError('InvalidArgument', 'conflicting options: --restart and --rm');
  return { name: name as RestartPolicy['name'], ...(retries !== undefined && { maximumRetries: Number(retries) }) };
}

async function securityOf(flags: ContainerFlagValues): Promise<Partial<SecurityOptions>> {
  const security: { -readonly [Key in keyof SecurityOptions]?: SecurityOptions[Key] } = {
    privileged: flags.privileged,
    capAdd: flags.capAdd,
    capDrop: flags.capDrop,
  };
  const labels: string[] = [];
  for (const option of flags.securityOpt) {
    const [, name = option, value = ''] = /^([a-z-]+)[=:](.*)$/s.exec(option) ?? [];
    if (name === 'no-new-privileges') security.noNewPrivileges = value !== 'false';
    else if (name === 'seccomp')
      security.seccomp =
        value === 'unconfined' || value === 'default' ? value : await readFlagFile('security-opt seccomp', value);
    else if (name === 'apparmor') security.apparmor = value;
    else if (name === 'label') labels.push(value);
    else if (name === 'systempaths' && value === 'unconfined') security.unmaskPaths = true;
    else
      throw new EngineError(
        'InvalidArgument',
        `--security-opt ${option}: expected seccomp=…, apparmor=…, label=…, no-new-privileges or systempaths=unconfined`,
      );
  }
  return { ...security, labels };
}

function healthcheckOf(flags: ContainerFlagValues): CreateSettings['healthcheck'] {
  if (flags.noHealthcheck) return { Test: ['NONE'] };
  const nanoseconds = (milliseconds: number | undefined): number | undefined =>
    milliseconds === undefined ? undefined : milliseconds * 1e6;
  const parts = defined({
    Test: flags.healthCmd === undefined ? undefined : ['CMD-SHELL', flags.healthCmd],
    Interval: nanoseconds(flags.healthInterval),
    Timeout: nanoseconds(flags.healthTimeout),
    StartPeriod: nanoseconds(flags.healthStartPeriod),
    Retries: flags.healthRetries,
  });
  return Object.keys(parts).length > 0 ? parts : undefined;
}
