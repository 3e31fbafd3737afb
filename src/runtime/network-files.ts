import type { ContainerRecord } from './container.ts';
import { readText } from './record-file.ts';

const LOOPBACK = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** A container's `/etc/hosts`; one in the host's network sees the host's own. */
export function hostsFile({
  network,
  hostname,
  domainname,
  extraHosts,
}: Pick<ContainerRecord, 'network' | 'hostname' | 'domainname' | 'extraHosts'>): string {
  const extra = extraHosts.map((entry) => {
    const at = entry.indexOf(':');
    return `${entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1')}\t${entry.slice(0, at)}`;
  });
  const base =
    network === 'host' ? [readText('/etc/hosts') ?? LOOPBACK.join('\n')] : [...LOOPBACK, ownName(hostname, domainname)];
  return `${[...base, ...extra].join('\n')}\n`;
}

/** A container's `/etc/resolv.conf`: the host's. */
export function resolvConf(): string {
  const text = readText('/etc/resolv.conf');
  return text === undefined ? '' : `${text}\n`;
}

function ownName(hostname: string, domainname: string | undefined): string {
  return `127.0.1.1\t${domainname ? `${hostname}.${domainname} ` : ''}${hostname}`;
}
