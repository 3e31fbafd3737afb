import { endianness } from 'node:os';
import { EngineError } from '../std/index.ts';
import type { Descriptor, Platform } from './types.ts';

const PART = /^[A-Za-z0-9_.-]+$/;
const OS_PART = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/;
// Go's known systems and architectures (go/build, syslist): what one word alone may mean.
const SYSTEMS = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(
    ' ',
  ),
);
const ARCHITECTURES = new Set(
  '386 amd64 arm arm64 armbe arm64be loong64 mips mipsle mips64 mips64le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
);

/** Reads `linux/arm64/v8`, `arm64` or `linux` (the rest from the host), names of other traditions made Go's: `x86_64` is `amd64`. */
export function parsePlatform(text: string): Platform {
  const [first = '', second, third, ...more] = text.split('/');
  const fail = (problem: string): EngineError =>
    new EngineError(
      'InvalidArgument',
      `invalid platform ${JSON.stringify(text)}: ${problem}; expected OS/ARCH[/VARIANT]`,
    );
  if (more.length > 0) throw fail('too many parts');
  for (const part of [second, third]) {
    if (part !== undefined && !PART.test(part)) throw fail(`${JSON.stringify(part)} is no architecture or variant`);
  }
  const [, os, version] = OS_PART.exec(first) ?? [];
  if (os === undefined) throw fail(`${JSON.stringify(first)} is no operating system`);
  const system = systemOf(os);
  if (second !== undefined) {
    return normalizePlatform({
      os,
      architecture: second,
      ...(third && { variant: third }),
      ...(version && { 'os.version': version }),
    });
  }
  if (SYSTEMS.has(system)) return { ...hostPlatform(), os: system, ...(version && { 'os.version': version }) };
  const alone = normalizePlatform({ os: hostPlatform().os, architecture: first });
  if (ARCHITECTURES.has(alone.architecture)) return alone;
  throw fail('unknown operating system or architecture');
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

/** What containers of this machine are: the kernel under them is Linux, natively or in a virtual machine. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', ...hostArchitecture() });
}

/**
 * The entry of an index that fits `wanted` best: exactly, else an older variant or a narrower architecture that such a machine runs
 * (arm/v7 → v6 → v5, amd64/v3 → v2 → v1 → 386, arm64 → arm). Attestations and artifacts are never chosen. An index whose only entry
 * names no platform means that one.
 */
export function selectPlatform(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  const images = manifests.filter(isImage);
  for (const candidate of compatiblePlatforms(normalizePlatform(wanted))) {
    const fitting = images.filter(({ platform }) => platform && samePlatform(normalizePlatform(platform), candidate));
    const version = wanted['os.version'];
    const exact =
      version === undefined ? undefined : fitting.find((entry) => entry.platform?.['os.version'] === version);
    const found = exact ?? fitting[0];
    if (found) return found;
  }
  const [only, ...others] = images;
  return only && others.length === 0 && !only.platform ? only : undefined;
}

/** The same platform in Go's names, without the variant that is the architecture's default (`arm64/v8`, `amd64/v1`). */
export function normalizePlatform(platform: Platform): Platform {
  const { variant: given, ...rest } = platform;
  const { architecture, variant } = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    given?.toLowerCase() ?? '',
  );
  return { ...rest, os: systemOf(platform.os), architecture, ...(variant && { variant }) };
}

function systemOf(os: string): string {
  const lower = os.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

function normalizeArchitecture(architecture: string, variant: string): { architecture: string; variant: string } {
  switch (architecture) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      return { architecture: 'arm64', variant: variant === '8' || variant === 'v8' ? '' : variant };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      return { architecture, variant: variant === '' ? 'v7' : /^[5-8]$/.test(variant) ? `v${variant}` : variant };
    default:
      return { architecture, variant };
  }
}

/** `wanted` first, then what a machine of that platform runs as well, best first. */
function compatiblePlatforms(wanted: Platform): Platform[] {
  const { variant, ...plain } = wanted;
  const of = (architecture: string, level?: string): Platform =>
    normalizePlatform({ ...plain, architecture, ...(level && { variant: level }) });
  const level = Number(/^v(\d+)/.exec(variant ?? '')?.[1] ?? Number.NaN);
  switch (wanted.architecture) {
    case 'amd64':
      return [wanted, ...countdown(level - 1, 1).map((n) => of('amd64', `v${n}`)), of('386')];
    case 'arm':
      return [wanted, ...countdown(level - 1, 5).map((n) => of('arm', `v${n}`))];
    case 'arm64':
      return [
        wanted,
        ...arm64Variants(variant ?? 'v8').map((older) => of('arm64', older)),
        ...countdown(8, 5).map((n) => of('arm', `v${n}`)),
      ];
    default:
      return [wanted];
  }
}

/** Armv9.n is a superset of Armv8.(n+5); every minor version of those before it. */
function arm64Variants(variant: string): string[] {
  const [, major, minor] = /^v([89])(?:\.(\d+))?$/.exec(variant) ?? [];
  if (major === undefined) return [];
  const spell = (version: number) => (n: number) => (n === 0 ? `v${version}` : `v${version}.${n}`);
  const n = Number(minor ?? 0);
  return major === '9'
    ? [...countdown(n - 1, 0).map(spell(9)), ...countdown(n + 5, 0).map(spell(8))]
    : countdown(n - 1, 0).map(spell(8));
}

function countdown(from: number, to: number): number[] {
  return from >= to ? Array.from({ length: from - to + 1 }, (_, n) => from - n) : [];
}

function samePlatform(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}

/** Not a build attestation (BuildKit stores those as `unknown/unknown` beside what they are about), not another artifact. */
function isImage({ platform, annotations, artifactType }: Descriptor): boolean {
  if (annotations?.['vnd.docker.reference.type'] !== undefined) return false;
  if (platform) return platform.os !== 'unknown' && platform.architecture !== 'unknown';
  return artifactType === undefined;
}

function hostArchitecture(): { architecture: string; variant?: string } {
  switch (process.arch as string) {
    case 'x64':
      return { architecture: 'amd64' };
    case 'ia32':
      return { architecture: '386' };
    case 'arm': {
      const version = (process.config.variables as { arm_version?: string }).arm_version;
      return { architecture: 'arm', ...(version && { variant: `v${version}` }) };
    }
    case 'mipsel':
      return { architecture: 'mipsle' };
    case 'ppc64':
      return { architecture: endianness() === 'LE' ? 'ppc64le' : 'ppc64' };
    default:
      return { architecture: process.arch };
  }
}
