import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../snapshot/index.ts';
import type { Container } from './container.ts';
import { readText } from './record-file.ts';

/** Where SELinux is looked for, and the attribute that holds a file's label. */
export interface SelinuxHost {
  readonly root: string;
  readonly attribute: string;
}

export const SELINUX_HOST: SelinuxHost = { root: '/', attribute: 'security.selinux' };

/** Labels of a container: of its processes, and of the files that are its alone; `shared` is for files of several containers. */
export interface SelinuxLabels {
  readonly process: string;
  readonly files: string;
  readonly shared: string;
}

const CATEGORIES = 1024;

/** Whether the kernel labels by a policy, enforced or only watched. */
export function hasSelinux({ root }: SelinuxHost = SELINUX_HOST): boolean {
  return existsSync(join(root, 'sys/fs/selinux/enforce'));
}

/**
 * A container's labels; undefined where the kernel has no SELinux, or where the container is exempt from it: privileged, in the host's
 * processes or shared memory, `label=disable`. Types are the policy's own for containers. Its two categories follow from its id, so that
 * containers don't reach each other's files, and a private volume stays its own from start to start.
 */
export function selinuxLabels(
  { id, security, pid, ipc }: Pick<Container, 'id' | 'security' | 'pid' | 'ipc'>,
  host: SelinuxHost = SELINUX_HOST,
): SelinuxLabels | undefined {
  if (!hasSelinux(host)) return undefined;
  if (security.privileged || pid === 'host' || ipc === 'host' || security.labels.includes('disable')) return undefined;
  const contexts = containerContexts(host.root);
  const asked = new Map(
    security.labels.map((label) => [label.slice(0, label.indexOf(':')), label.slice(label.indexOf(':') + 1)]),
  );
  const level = asked.get('level') ?? `s0:${categoriesOf(id)}`;
  const [user, role, type] = contexts.process.split(':');
  const files = contexts.files.split(':').slice(0, 3).join(':');
  return {
    process: [asked.get('user') ?? user, asked.get('role') ?? role, asked.get('type') ?? type, level].join(':'),
    files: `${asked.get('filetype') === undefined ? files : files.replace(/[^:]*$/, asked.get('filetype') as string)}:${level}`,
    shared: `${files}:s0`,
  };
}

/** The mounts of a snapshot as they show the container's label on every file; a bind mount takes no such option. */
export function withMountLabel(mounts: readonly Mount[], labels: SelinuxLabels | undefined): readonly Mount[] {
  if (!labels) return mounts;
  return mounts.map((mount) =>
    mount.type === 'bind' ? mount : { ...mount, options: [...mount.options, `context="${labels.files}"`] },
  );
}

/** What the policy in use gives to containers: lxc_contexts(5). */
function containerContexts(root: string): { process: string; files: string } {
  const policy = /^SELINUXTYPE=(\S+)/m.exec(readText(join(root, 'etc/selinux/config')) ?? '')?.[1] ?? 'targeted';
  const text = readText(join(root, 'etc/selinux', policy, 'contexts/lxc_contexts')) ?? '';
  const named = (name: string): string | undefined => new RegExp(`^${name}\\s*=\\s*"?([^"\\s]+)`, 'm').exec(text)?.[1];
  return {
    process: named('process') ?? 'system_u:system_r:container_t:s0',
    files: named('file') ?? 'system_u:object_r:container_file_t:s0',
  };
}

/** Two different categories of the id's own, the lower one first: one pair of the half million that there are. */
function categoriesOf(id: string): string {
  const digest = createHash('sha256').update(id).digest();
  const first = digest.readUInt32LE(0) % CATEGORIES;
  const other = digest.readUInt32LE(4) % (CATEGORIES - 1);
  const second = other < first ? other : other + 1;
  return `c${Math.min(first, second)},c${Math.max(first, second)}`;
}
