/** What docker calls the profile of its containers. One that somebody else loaded under this name is used as it is. */
export const DEFAULT_PROFILE = 'docker-default';

/**
 * The profile in apparmor.d(5)'s language, by the rules that docker documents for its own: all is allowed that capabilities and seccomp allow,
 * but no mount, no signal or trace to outside, and no write to what is the kernel's: /proc but for processes and shared memory limits, /sys but
 * for cgroups. It includes nothing, so that it loads where no /etc/apparmor.d is.
 */
export function defaultProfile(name: string = DEFAULT_PROFILE): string {
  const rules = [
    'network,',
    'unix,',
    'capability,',
    'file,',
    'umount,',
    'deny mount,',
    ...['unconfined', 'runc', 'crun'].map((peer) => `signal (receive) peer=${peer},`),
    `signal (send, receive) peer=${name},`,
    `ptrace (trace, read, tracedby, readby) peer=${name},`,
    'deny /proc/* w,',
    ...below('/proc', '[^1-9s]*', 's[^y]*', 'sy[^s]*', 'sys[^/]*').map((path) => `deny ${path} w,`), // 1-9: of processes
    'deny /proc/sys/[^k]** w,',
    'deny /proc/sys/kernel/{[^s]**,s[^h]**,sh[^m]**} w,',
    'deny /proc/{sysrq-trigger,kcore} rwklx,',
    ...below('/sys', '[^f]*', 'f[^s]*').map((path) => `deny ${path} wklx,`),
    ...below('/sys/fs', '[^c]*', 'c[^g]*', 'cg[^r]*').map((path) => `deny ${path} wklx,`),
    ...['firmware', 'kernel/security', 'devices/virtual/powercap'].map((name) => `deny /sys/${name}/** rwklx,`),
  ];
  return `profile ${name} flags=(attach_disconnected, mediate_deleted) {\n  ${rules.join('\n  ')}\n}\n`;
}

function below(folder: string, ...names: readonly string[]): string[] {
  return names.map((name) => `${folder}/${name}/**`);
}
