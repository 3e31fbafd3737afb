import { EngineError } from '../std/index.ts';
import { ALLOWED, ALLOWED_ON, OPENED_BY, REFUSED } from './seccomp-calls.ts';
import type { Seccomp, SeccompRule } from './spec-types.ts';

const EPERM = 1;
const ENOSYS = 38;
const AF_ALG = 38;
const AF_VSOCK = 40;
const AF_LAST = 45; // AF_MCTP
/** CLONE_NEW* of sched.h: a clone that makes no namespace has none of these. */
const NEW_NAMESPACES = 0x7e020000;
/** Personalities that change nothing dangerous: PER_LINUX, PER_LINUX32, UNAME26 with each, and the question. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** Node's names of architectures to libseccomp's, with those whose programs also run there. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  arm: ['SCMP_ARCH_ARM'],
  ia32: ['SCMP_ARCH_X86'],
  ppc64: ['SCMP_ARCH_PPC64LE'],
  s390x: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
  riscv64: ['SCMP_ARCH_RISCV64'],
};

/**
 * Docker's default profile: what is not known to be harmless ends with ENOSYS, so that programs fall back, what is known to be dangerous
 * with EPERM. clone3, whose flags lie in memory, is unknown too: glibc falls back to clone. AF_ALG sockets are refused (CVE-2026-31431), and with them socketcall(2), whose arguments no filter can see.
 */
export function defaultSeccomp(capabilities: readonly string[], architecture: string = process.arch): Seccomp {
  const opened = new Set(capabilities.flatMap((capability) => OPENED_BY[capability] ?? []));
  const closed = new Set(Object.values(OPENED_BY).flat()).difference(opened);
  const allow = (names: Iterable<string>): SeccompRule => ({ names: [...names], action: 'SCMP_ACT_ALLOW' });
  const refuse = (names: Iterable<string>, errnoRet: number): SeccompRule => ({
    names: [...names],
    action: 'SCMP_ACT_ERRNO',
    errnoRet,
  });
  const when = (name: string, index: number, op: string, value: number): SeccompRule => ({
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index, value, valueTwo: 0, op }],
  });
  const family = (value: number): SeccompRule => when('socket', 0, 'SCMP_CMP_EQ', value);
  const flagsOfClone = architecture === 's390x' ? 1 : 0;
  const limitedClone = opened.has('clone') ? [] : [when('clone', flagsOfClone, 'SCMP_CMP_MASKED_EQ', NEW_NAMESPACES)];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    ...(ARCHITECTURES[architecture] && { architectures: ARCHITECTURES[architecture] }),
    syscalls: [
      allow([...ALLOWED, ...opened, ...(ALLOWED_ON[architecture] ?? [])]),
      refuse([...REFUSED, ...[...closed].filter((name) => name !== 'clone' && name !== 'clone3')], EPERM),
      ...limitedClone,
      // Filters compare 64 bits and the kernel takes 32: "greater than" would let AF_ALG through with a bit set above.
      // (A rule that says what errno they get instead would clash with the first of these: libseccomp says EEXIST.)
      when('socket', 0, 'SCMP_CMP_LT', AF_ALG),
      family(AF_ALG + 1),
      ...Array.from({ length: AF_LAST - AF_VSOCK }, (_, n) => family(AF_VSOCK + 1 + n)),
      ...PERSONALITIES.map((personality) => when('personality', 0, 'SCMP_CMP_EQ', personality)),
    ],
  };
}

interface ProfileRule extends SeccompRule {
  readonly name?: string;
  readonly includes?: Conditions;
  readonly excludes?: Conditions;
}
interface Profile extends Omit<Seccomp, 'syscalls'> {
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] | null }[];
  readonly syscalls: readonly ProfileRule[] | null;
}
interface Conditions {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

/** A profile in Docker's format (or the runtime spec's own), as it applies to these capabilities on this machine. */
export function parseSeccomp(
  text: string,
  capabilities: readonly string[],
  { architecture = process.arch, kernel = '' }: { architecture?: string; kernel?: string } = {},
): Seccomp {
  let profile: Profile;
  try {
    profile = JSON.parse(text);
  } catch (error) {
    throw new EngineError('InvalidArgument', `the seccomp profile is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (typeof profile?.defaultAction !== 'string')
    throw new EngineError('InvalidArgument', 'the seccomp profile has no defaultAction');
  const host = { capabilities, architecture: GO_ARCHITECTURES[architecture] ?? architecture, kernel };
  const mapped = profile.archMap?.find((entry) => entry.architecture === ARCHITECTURES[architecture]?.[0]);
  const architectures = mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : profile.architectures;
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures && { architectures }),
    syscalls: (profile.syscalls ?? [])
      .filter(
        ({ includes, excludes }) => (!includes || meets(includes, host)) && !(excludes && meetsAny(excludes, host)),
      )
      .map(({ names, name, action, args, errnoRet }) => ({
        names: names ?? (name === undefined ? [] : [name]),
        action,
        ...(args && args.length > 0 && { args }),
        ...(typeof errnoRet === 'number' && { errnoRet }),
      })),
  };
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', ppc64: 'ppc64le' };

interface Host {
  readonly capabilities: readonly string[];
  readonly architecture: string;
  readonly kernel: string;
}

function meets({ caps = [], arches, minKernel }: Conditions, host: Host): boolean {
  return (
    caps.every((capability) => host.capabilities.includes(capability)) &&
    (!arches?.length || arches.includes(host.architecture)) &&
    (!minKernel || !isOlder(host.kernel, minKernel))
  );
}

function meetsAny({ caps = [], arches = [], minKernel }: Conditions, host: Host): boolean {
  return (
    caps.some((capability) => host.capabilities.includes(capability)) ||
    arches.includes(host.architecture) ||
    (!!minKernel && !isOlder(host.kernel, minKernel))
  );
}

function isOlder(kernel: string, than: string): boolean {
  const [a, b] = [kernel, than].map((version) => version.split('.').map((part) => Number.parseInt(part, 10) || 0)) as [
    number[],
    number[],
  ];
  return a[0] !== b[0] ? (a[0] ?? 0) < (b[0] ?? 0) : (a[1] ?? 0) < (b[1] ?? 0);
}
