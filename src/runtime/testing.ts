import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerConfig } from '../oci/index.ts';
import { entryFile } from '../std/index.ts';
import type { Container } from './container.ts';
import { removeContainer } from './control.ts';
import { createContainer } from './create-container.ts';
import { listContainers } from './find-container.ts';
import { runFolder } from './folders.ts';
import { findProgram } from './host-tools.ts';
import type { MountableSnapshot } from './launch.ts';
import type { CreateOptions } from './options.ts';
import { type RunResult, runForeground } from './run.ts';

const APPLETS = 'sh cat echo env id ls mount pwd sleep stat stty touch tr true false kill head seq sync grep'.split(
  ' ',
);

/** Why tests that run containers can't here; false where they can. */
export function cannotRun(...more: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!findProgram('crun') && !findProgram('runc')) return 'needs crun or runc';
  for (const program of ['busybox', 'flock', ...more]) if (!findProgram(program)) return `needs ${program}`;
  return false;
}

/** A state folder and an image of busybox for one test file. Disposing ends and removes everything. */
export class TestMachine implements AsyncDisposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'overstrata-runtime-'));
  readonly image: string = join(this.root, 'image');

  constructor() {
    mkdirSync(join(this.image, 'bin'), { recursive: true });
    mkdirSync(join(this.image, 'etc'));
    copyFileSync(findProgram('busybox') ?? '', join(this.image, 'bin/busybox'));
    chmodSync(join(this.image, 'bin/busybox'), 0o755);
    for (const applet of APPLETS) symlinkSync('busybox', join(this.image, 'bin', applet));
    writeFileSync(
      join(this.image, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001:Ann:/home/ann:/bin/sh\n',
    );
    writeFileSync(join(this.image, 'etc/group'), 'root:x:0:\nann:x:1001:\nprint:x:1002:bob,ann\n');
  }

  /** A layer above the image: what `make` puts into its folder. */
  layer(make: (folder: string) => void): string {
    const folder = mkdtempSync(join(this.root, 'layer-'));
    chmodSync(folder, 0o755);
    make(folder);
    return folder;
  }

  async create(
    command: readonly string[],
    options: Partial<CreateOptions> & { readonly config?: ContainerConfig } = {},
  ): Promise<Container> {
    const { config = {}, ...rest } = options;
    return createContainer(this.root, { image: { name: 'busybox', config }, driver: 'overlay', command, ...rest });
  }

  snapshot({ id }: Container, layers: readonly string[] = []): MountableSnapshot {
    const folder = join(this.root, 'snapshots', id);
    for (const name of ['upper', 'work']) mkdirSync(join(folder, name), { recursive: true });
    const lowers = [...layers, this.image].join(':');
    const options = [`lowerdir=${lowers}`, `upperdir=${folder}/upper`, `workdir=${folder}/work`];
    return { mounts: [{ type: 'overlay', source: 'overlay', options }] };
  }

  /** Runs in the foreground, the output gathered. */
  async run(
    command: readonly string[],
    {
      layers = [],
      stdin,
      ...options
    }: Partial<CreateOptions> & {
      readonly config?: ContainerConfig;
      readonly layers?: readonly string[];
      readonly stdin?: string;
    } = {},
  ): Promise<RunResult & { readonly stdout: string; readonly stderr: string; readonly container: Container }> {
    const container = await this.create(command, { ...options, openStdin: stdin !== undefined });
    const [stdout, stderr, input] = [new PassThrough(), new PassThrough(), new PassThrough()];
    input.end(stdin);
    const output = Promise.all([stdout, stderr].map((stream) => stream.setEncoding('utf8').toArray()));
    const streams = { stdout, stderr, ...(stdin !== undefined && { stdin: input }) };
    try {
      const result = await runForeground(this.root, container, this.snapshot(container, layers), {
        streams,
        proxySignals: false,
      });
      return { ...result, container, ...(await finish()) };
    } finally {
      await finish();
    }
    async function finish(): Promise<{ stdout: string; stderr: string }> {
      stdout.end();
      stderr.end();
      const [out = [], err = []] = await output;
      return { stdout: out.join(''), stderr: err.join('') };
    }
  }

  exitCommand({ id }: Container): string[] {
    return [process.execPath, entryFile(import.meta.url, 'testing-exit'), this.root, id];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of await listContainers(this.root))
      await removeContainer(this.root, container, { force: true });
    rmSync(runFolder(this.root), { recursive: true, force: true });
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Mounts of this machine, and cgroups of containers: what a test must leave as it was. */
export function leftovers(root: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(root));
  return [...mounts, ...(existsSync(runFolder(root)) ? [runFolder(root)] : [])];
}

/** Waits for something at most ten seconds. */
export async function until<Value>(look: () => Value | undefined): Promise<Value> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const value = look();
    if (value !== undefined) return value;
    await sleep(20);
  }
  throw new Error('what was waited for did not come');
}

export async function gather<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
