import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { SecurityOptions } from './options.ts';
import { readText } from './record-file.ts';

/** The profile docker uses, where this machine's kernel has it loaded; undefined where AppArmor is off. */
export function apparmorProfile({ apparmor, privileged }: SecurityOptions): string | undefined {
  if (readText('/sys/module/apparmor/parameters/enabled') !== 'Y') return undefined;
  if (apparmor !== undefined) return apparmor;
  if (privileged) return 'unconfined';
  return isLoaded('docker-default') ? 'docker-default' : undefined;
}

function isLoaded(profile: string): boolean {
  try {
    return readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${profile} (`));
  } catch {
    return false;
  }
}

/** SELinux labels of a container's processes and files: categories of its own, so that containers don't reach each other's. */
export function selinuxLabels({ labels, privileged }: SecurityOptions): { process: string; files: string } | undefined {
  if (!existsSync('/sys/fs/selinux/enforce') || privileged || labels.includes('disable')) return undefined;
  const given = new Map(
    labels.map((label) => [label.slice(0, label.indexOf(':')), label.slice(label.indexOf(':') + 1)]),
  );
  const [low, high] = twoOf(1024);
  const level = given.get('level') ?? `s0:c${low},c${high}`;
  return {
    process: `${given.get('user') ?? 'system_u'}:${given.get('role') ?? 'system_r'}:${given.get('type') ?? 'container_t'}:${level}`,
    files: `system_u:object_r:container_file_t:${level}`,
  };
}

function twoOf(count: number): [number, number] {
  const first = randomInt(count - 1);
  return [first, randomInt(first + 1, count)];
}
