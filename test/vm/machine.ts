import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileMember, initramfs } from './initramfs.ts';
import { debianKernel } from './kernel.ts';
import { modulesFor } from './modules.ts';

const MODULES = [
  'crc32c_generic',
  'virtio_pci',
  'virtio_blk',
  '9p',
  '9pnet_virtio',
  'overlay',
  'ext4',
  'dm-mod',
  'dm-thin-pool',
  'loop',
  'fuse',
];
const PROGRAMS = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * A virtual machine that has this machine's files, as they were at its start, under a copy in memory; and a disk of its own. Its kernel is
 * Debian's, its processors are emulated: some twenty times as slow as these.
 */
export interface Machine extends AsyncDisposable {
  /** Runs a line of shell there: what it printed, and its code. Each run is over before the next. */
  run(line: string, limits?: { timeout?: number }): Promise<{ readonly code: number; readonly output: string }>;
  /** {@link run}, or an error that shows what it printed. */
  require(line: string, limits?: { timeout?: number }): Promise<string>;
  /** Stops it as a loss of power does: nothing in its memory reaches the disk any more. */
  cut(): Promise<void>;
  /** What its kernel said. */
  console(): string;
}

/** Why no machine can be started here, or false. */
export function whyNoMachine(): string | false {
  for (const [program, name] of [
    ['qemu-system-x86_64', 'qemu-system-x86'],
    ['busybox', 'busybox-static'],
    ['apt-get', 'apt'],
  ] as const) {
    if (!PROGRAMS.split(':').some((folder) => existsSync(join(folder, program))))
      return `no ${program} here: apt-get install ${name}`;
  }
  if (process.arch !== 'x64') return `this is ${process.arch}, and the machine is an x64 one`;
  return process.geteuid?.() === 0 ? false : 'to show it this machine’s files needs root';
}

/** Starts a machine on Debian's kernel. `disk` is a raw image, mounted at /disk: with ext4 made on it where it holds nothing. */
export async function startMachine({ disk }: { disk: string }): Promise<Machine> {
  const kernel = await debianKernel();
  const work = mkdtempSync(join(tmpdir(), 'strata-vm-'));
  const log = join(work, 'console');
  writeFileSync(log, '');
  writeFileSync(join(work, 'initramfs'), machineFiles(kernel.modules));
  const machine = spawn(
    'setpriv',
    [
      ...[
        '--pdeathsig',
        'KILL',
        'qemu-system-x86_64',
        '-machine',
        'q35',
        '-accel',
        'tcg,thread=multi',
        '-cpu',
        'max',
        '-smp',
        '2',
      ],
      ...['-m', '1536', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
      ...['-kernel', kernel.image, '-initrd', join(work, 'initramfs')],
      ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on'],
      ...['-serial', `file:${log}`, '-serial', 'stdio'],
      ...['-drive', `file=${disk},if=virtio,format=raw,cache=writeback`],
      ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const talk = conversation(machine, log);
  const end = async (): Promise<void> => {
    machine.kill('SIGKILL');
    if (machine.exitCode === null && machine.signalCode === null) await once(machine, 'exit');
    rmSync(work, { recursive: true, force: true });
  };
  try {
    await talk.ready;
  } catch (error) {
    await end();
    throw error;
  }
  return {
    run: talk.run,
    async require(line, limits) {
      const { code, output } = await talk.run(line, limits);
      if (code !== 0) throw new Error(`${line}: ended with ${code}\n${output}`);
      return output;
    },
    cut: end,
    console: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    [Symbol.asyncDispose]: end,
  };
}

/** What the kernel begins with: a shell, the modules, and a script that makes this machine's files its own. */
function machineFiles(modules: string): Buffer {
  const files = modulesFor(modules, MODULES);
  const names = files.map((_, i) => `modules/${String(i).padStart(2, '0')}.ko`);
  const busybox =
    PROGRAMS.split(':')
      .map((folder) => join(folder, 'busybox'))
      .find((path) => existsSync(path)) ?? 'busybox';
  return initramfs(
    ['bin', 'modules', 'proc', 'sys', 'dev', 'host', 'copy', 'root'],
    [
      fileMember('bin/busybox', busybox),
      { path: 'init', content: Buffer.from(INIT) },
      ...files.map((file, i) => fileMember(names[i] as string, file)),
    ],
  );
}

/** The second serial line carries the conversation: a line of shell in base64 comes, its output and a last line with its code go. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod $module || echo "no $module"; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host || echo "no 9p"
mount -t tmpfs -o size=70% copy /copy
mkdir /copy/upper /copy/work
mount -t overlay -o lowerdir=/host,upperdir=/copy/upper,workdir=/copy/work root /root || echo "no overlay"
for place in proc sys dev; do mount --move /$place /root/$place; done
mkdir -p /root/dev/pts /root/dev/shm /root/disk
ln -s /proc/self/fd /root/dev/fd
mount -t devpts pts /root/dev/pts
mount -t tmpfs shm /root/dev/shm
mount -t tmpfs run /root/run
mkdir /root/run/tmp
mount -t cgroup2 cgroup /root/sys/fs/cgroup
PATH=${PROGRAMS} /bin/busybox chroot /root /bin/sh -c 'blkid -p /dev/vda >/dev/null || mkfs.ext4 -q -F /dev/vda; mount /dev/vda /disk; ip link set lo up' </root/dev/null
export PATH=${PROGRAMS}
exec switch_root /root /bin/sh -c '
stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
echo READY >&3
while read -r line <&3; do
  echo "$line" | base64 -d > /run/line
  PATH=${dirname(process.execPath)}:${PROGRAMS} DM_DISABLE_UDEV=1 NODE_COMPILE_CACHE=/run/compiled TMPDIR=/run/tmp HOME=/root /bin/sh /run/line </dev/null >/run/output 2>&1
  code=$?
  base64 -w0 /run/output >&3
  echo " $code" >&3
done'
`;

function conversation(machine: ChildProcess, log: string): { ready: Promise<void>; run: Machine['run'] } {
  let text = '';
  let complaint = '';
  let ended = false;
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  machine.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk;
  });
  machine.stdout?.on('data', (chunk: Buffer) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      waiting.shift()?.resolve(text.slice(0, end).trim());
      text = text.slice(end + 1);
    }
  });
  machine.on('exit', () => {
    ended = true;
    for (const { reject } of waiting.splice(0)) reject(failure('it ended'));
  });
  const failure = (why: string): Error =>
    new Error(
      `the virtual machine: ${why}\n${complaint}${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''}`,
    );

  const hear = (timeout: number): Promise<string> => {
    if (ended) return Promise.reject(failure('it has ended'));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => reject(failure(`no answer for ${timeout / 1000} s`)), timeout);
    waiting.push({ resolve, reject });
    return promise.finally(() => clearTimeout(timer));
  };
  return {
    ready: hear(60_000).then(() => {}),
    async run(line, { timeout = 120_000 } = {}) {
      machine.stdin?.write(`${Buffer.from(line).toString('base64')}\n`);
      const [output = '', code = ''] = (await hear(timeout)).split(/ (?=\d+$)/);
      return code === ''
        ? { code: Number(output), output: '' }
        : { code: Number(code), output: Buffer.from(output, 'base64').toString() };
    },
  };
}
