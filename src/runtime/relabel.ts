import { closeSync, constants, lstatSync, openSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { getXattr, setXattr } from '../linux/index.ts';
import { decodeName, EngineError, fsPath, isErrno } from '../std/index.ts';
import type { Container } from './container.ts';
import { hostPathOf, OWN_FILES, type PlacedMount } from './mount-plan.ts';
import { descriptorPath } from './root-walk.ts';
import { SELINUX_HOST, type SelinuxHost, type SelinuxLabels } from './selinux.ts';

/** Folders of the machine itself: with a container's label on them it would not start again. */
const FORBIDDEN = new Set(
  '/ /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /usr/bin /usr/lib /usr/lib64 /usr/sbin /usr/share /var /var/lib /var/log /var/tmp'.split(
    ' ',
  ),
);

/**
 * Gives a container's files their labels: its root file system where no mount option does, its own files in /etc, what `:z` and `:Z` ask for,
 * and volumes at their first use, of which the machine's policy knows nothing. InvalidArgument for folders of the machine itself.
 */
export function labelFiles(
  { folder }: Pick<Container, 'folder'>,
  { rootfs, mounts, labels }: { rootfs: number; mounts: readonly PlacedMount[]; labels: SelinuxLabels },
  host: SelinuxHost = SELINUX_HOST,
): void {
  if (typeOf(labelOf(descriptorPath(rootfs, ''), host)) !== typeOf(labels.files))
    labelTree(descriptorPath(rootfs, ''), labels.files, host);
  for (const name of OWN_FILES) setLabel(join(folder, name), labels.files, host);
  for (const mount of mounts) {
    if (mount.type === 'tmpfs') continue;
    const path = hostPathOf(mount);
    if (mount.relabel !== undefined) relabel(path, mount.relabel === 'private' ? labels.files : labels.shared, host);
    else if (mount.type === 'volume' && typeOf(labelOf(path, host)) !== typeOf(labels.shared))
      relabel(path, labels.shared, host);
  }
}

/**
 * Labels `path` and all below it; a link at its end is followed, as the mount is made of what it leads to. InvalidArgument for folders of the
 * machine itself.
 */
export function relabel(path: string, label: string, host: SelinuxHost = SELINUX_HOST): void {
  const real = realpathSync(path);
  if (FORBIDDEN.has(real))
    throw new EngineError(
      'InvalidArgument',
      `${path} belongs to this machine and gets no other SELinux label; leave out :z and :Z, or mount a folder below it`,
    );
  if (lstatSync(real).isDirectory()) labelTree(real, label, host);
  else setLabel(real, label, host);
}

/**
 * Links in the tree are labelled, not followed, and each folder is held open while its names are: a container that has the tree mounted already
 * and changes it meanwhile can't lead the labels elsewhere.
 */
function labelTree(path: string, label: string, host: SelinuxHost): void {
  const folder = openFolder(path);
  if (folder === undefined) return;
  try {
    setLabel(descriptorPath(folder, ''), label, host);
    for (const entry of readdirSync(descriptorPath(folder), { withFileTypes: true, encoding: 'buffer' })) {
      const below = descriptorPath(folder, decodeName(entry.name));
      if (entry.isDirectory()) labelTree(below, label, host);
      else setLabel(below, label, host);
    }
  } finally {
    closeSync(folder);
  }
}

/** Undefined for what is gone by now, or has become a link. */
function openFolder(path: string): number | undefined {
  try {
    return openSync(fsPath(path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** What has gone meanwhile needs no label, and a file system without any takes none. */
function setLabel(path: string, label: string, host: SelinuxHost): void {
  try {
    if (labelOf(path, host) !== label) setXattr(path, host.attribute, Buffer.from(`${label}\0`));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
  }
}

function labelOf(path: string, { attribute }: SelinuxHost): string | undefined {
  return getXattr(path, attribute)?.toString('utf8').replace(/\0$/, '');
}

/** The third part: `user:role:type:level`. */
function typeOf(label: string | undefined): string | undefined {
  return label?.split(':')[2];
}
