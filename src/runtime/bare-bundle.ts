import { existsSync } from 'node:fs';
import { findProgram } from './host-tools.ts';
import type { Seccomp, Spec } from './spec-types.ts';

/** A container that does nothing, of the host's own programs: for trying a runtime, and for having it compile a seccomp profile. */
export function bareSpec(cgroupsPath: string, seccomp?: Seccomp): Spec {
  const busybox = findProgram('busybox');
  const folders = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/nix', '/gnu'].filter((path) => existsSync(path));
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: busybox === undefined ? [findProgram('true') ?? '/bin/true'] : [busybox, 'true'],
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      noNewPrivileges: true,
    },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      // Where /bin is a link to usr/bin its content comes as /bin all the same: binds follow the link.
      ...folders.map((path) => ({ destination: path, type: 'bind', source: path, options: ['bind', 'ro'] })),
    ],
    linux: {
      namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'].map((type) => ({ type })),
      cgroupsPath,
      resources: {},
      ...(seccomp && { seccomp }),
    },
  };
}
