import { readFileSync } from 'node:fs';
import { EngineError } from '../std/index.ts';
import type { SecurityOptions } from './options.ts';

/** In the order of their bits: linux/capability.h. */
const ALL =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** Docker's default set: docs.docker.com, "Runtime privilege and Linux capabilities". */
const DEFAULT =
  'CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** The capabilities a container gets, as far as this machine has them: what we don't have ourselves can't be given. */
export function capabilitiesFor(
  { privileged, capAdd, capDrop }: SecurityOptions,
  ours: bigint = boundingSet(),
): string[] {
  const added = capAdd.map(requireCapability);
  const dropped = capDrop.map(requireCapability);
  const start = privileged || added.includes('ALL') ? ALL : dropped.includes('ALL') ? [] : DEFAULT;
  const wanted = new Set([...start, ...added]);
  for (const name of dropped) if (name !== 'ALL' && !added.includes(name)) wanted.delete(name);
  return ALL.filter((name, bit) => wanted.has(name) && (ours >> BigInt(bit)) & 1n);
}

function requireCapability(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, '');
  if (name === 'ALL') return name;
  if (ALL.includes(`CAP_${name}`)) return `CAP_${name}`;
  throw new EngineError('InvalidArgument', `unknown capability ${JSON.stringify(text)}`);
}

/** `CapBnd` of proc(5) `status`. */
function boundingSet(): bigint {
  const match = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return match ? BigInt(`0x${match[1]}`) : (1n << 64n) - 1n;
}
