import { BlockList, isIP } from 'node:net';
import { hostnameOf, isLoopbackHost } from './address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy that the environment names for `url`, as Go programs read it: HTTPS_PROXY, HTTP_PROXY, NO_PROXY; never for this machine. */
export function proxyFor(url: URL, environment: Environment = process.env): string | undefined {
  const get = (name: string): string | undefined => environment[name] || environment[name.toLowerCase()] || undefined;
  const proxy = url.protocol === 'https:' ? get('HTTPS_PROXY') : get('HTTP_PROXY');
  if (!proxy || isLoopbackHost(url.host) || isExempt(url, get('NO_PROXY') ?? '')) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function isExempt(url: URL, list: string): boolean {
  const name = hostnameOf(url.host).toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[,\s]+/).some((item) => {
    const entry = item.toLowerCase();
    if (entry === '') return false;
    if (entry === '*') return true;
    if (entry.includes('/')) return isInSubnet(name, entry);
    const [, host = entry, only] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) ? `[${entry}]` : entry) ?? [];
    if (only !== undefined && only !== port) return false;
    const bare = hostnameOf(host);
    const domain = bare.replace(/^\*?\./, '');
    return name.endsWith(`.${domain}`) || (name === domain && bare === domain);
  });
}

/** Whether `address` lies in a subnet written as `10.0.0.0/8`; false for names, and for text that is no subnet. */
export function isInSubnet(address: string, subnet: string): boolean {
  const [network = '', bits = ''] = subnet.split('/');
  const family = isIP(network);
  if (family === 0 || family !== isIP(address) || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, Number(bits), type);
  return list.check(address, type);
}
