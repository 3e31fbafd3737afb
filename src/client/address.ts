import { type LookupAddress, type LookupOptions, lookup as lookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { EngineError } from '../std/index.ts';

/** How near an address is, from what everyone reaches to what only this machine does. */
export type Reach = 'public' | 'private' | 'loopback' | 'link-local';

/** A host as URLs and references spell it, without its port and brackets: `[::1]:5000` is `::1`. */
export function hostnameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  if (bracketed) return bracketed[1] as string;
  return isIP(host) ? host : host.replace(/:\d+$/, '');
}

/** Whether `host` is this machine whatever the name service says. */
export function isLoopbackHost(host: string): boolean {
  const name = hostnameOf(host).toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || (isIP(name) !== 0 && reachOf(name) === 'loopback');
}

/** What kind of address `address` is, IPv4 inside IPv6 (mapped, 6to4, NAT64) taken for what it is. */
export function reachOf(address: string): Reach {
  const family = isIP(address);
  if (family === 4) return reachOf4(address);
  if (family !== 6) return 'public';
  const bytes = bytesOf6(address);
  const embedded = embedded4(bytes);
  if (embedded) return reachOf4(embedded);
  if (LOOPBACK.check(address, 'ipv6')) return 'loopback';
  if (LINK_LOCAL.check(address, 'ipv6')) return 'link-local';
  return PRIVATE.check(address, 'ipv6') ? 'private' : 'public';
}

/** Where the registry `host` itself is: the most public of its addresses; public where it can't be told. */
export async function reachOfHost(host: string): Promise<Reach> {
  const name = hostnameOf(host);
  if (isLoopbackHost(name)) return 'loopback';
  if (isIP(name)) return reachOf(name);
  const addresses = await lookup(name, { all: true }).catch((): LookupAddress[] => []);
  const reaches = addresses.map(({ address }) => reachOf(address));
  return (
    (['public', 'private', 'loopback', 'link-local'] as const).find((reach) => reaches.includes(reach)) ?? 'public'
  );
}

/**
 * Whether a registry that is `registry` far may send us to an address that is `target` far. A public one may not point into our own network, and
 * nobody to link-local addresses, where clouds keep their machines' secrets.
 */
export function mayPointTo(registry: Reach, target: Reach): boolean {
  switch (target) {
    case 'public':
      return true;
    case 'private':
      return registry !== 'public';
    case 'loopback':
      return registry === 'loopback';
    case 'link-local':
      return registry === 'link-local';
  }
}

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Resolves names for `net.connect`, leaving out what {@link mayPointTo} forbids: what is checked is what is connected to. */
export function guardedLookup(
  registry: Reach,
): (name: string, options: LookupOptions, callback: LookupCallback) => void {
  return (name, options, callback) => {
    lookupAddress(name, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const allowed = addresses.filter(({ address }) => mayPointTo(registry, reachOf(address)));
      const [first] = allowed;
      if (!first) return callback(forbiddenAddress(name), []);
      return options.all ? callback(null, allowed) : callback(null, first.address, first.family);
    });
  };
}

/** Refuses the literal addresses that never meet a lookup. */
export function checkLiteral(host: string, registry: Reach): void {
  const name = hostnameOf(host);
  const forbidden = isIP(name) ? !mayPointTo(registry, reachOf(name)) : isLoopbackHost(name) && registry !== 'loopback';
  if (forbidden) throw forbiddenAddress(name);
}

function forbiddenAddress(name: string): EngineError {
  return new EngineError(
    'PermissionDenied',
    `the registry points to ${name}, an address of an inner network, which it may not`,
  );
}

function listOf(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

// IANA's special-purpose address registries (RFC 6890 and later), by who can be behind them.
const LOOPBACK = listOf('127.0.0.0/8', '::1/128');
const LINK_LOCAL = listOf('169.254.0.0/16', 'fe80::/10');
const PRIVATE = listOf(
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['224.0.0.0/4', '240.0.0.0/4', '::/128', 'fc00::/7', 'fec0::/10', 'ff00::/8', '2001::/32', '64:ff9b:1::/48'],
);

function reachOf4(address: string): Reach {
  if (LOOPBACK.check(address)) return 'loopback';
  if (LINK_LOCAL.check(address)) return 'link-local';
  return PRIVATE.check(address) ? 'private' : 'public';
}

/** The IPv4 address inside: ::ffff:0:0/96 and ::/96, 64:ff9b::/96 (RFC 6052), 2002::/16 (RFC 3056). */
function embedded4(bytes: readonly number[]): string | undefined {
  const at = (from: number): string => bytes.slice(from, from + 4).join('.');
  const startsWith = (...prefix: readonly number[]): boolean => prefix.every((byte, index) => bytes[index] === byte);
  if (startsWith(0x20, 0x02)) return at(2);
  if (startsWith(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) return at(12);
  if (!startsWith(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) return undefined;
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff;
  const compatible = bytes[10] === 0 && bytes[11] === 0 && bytes.slice(12, 15).some((byte) => byte !== 0);
  return mapped || compatible ? at(12) : undefined;
}

function bytesOf6(address: string): number[] {
  // The URL parser spells every form of an address as groups of hex digits.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const all = [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back];
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}
