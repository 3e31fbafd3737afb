import { isIPv6 } from 'node:net';

const FAILURES = 10;
const RECOVERY = 6_000; // one more try each
const ADDRESSES = 10_000;

interface Debt {
  failures: number;
  since: number;
}

/** Counts failed logins by address: ten at once, then one every six seconds. */
export class LoginThrottle {
  readonly #debts = new Map<string, Debt>();

  /** Seconds until this address may try again; 0 where it may now. */
  wait(address: string): number {
    const debt = this.#current(address);
    return !debt || debt.failures < FAILURES ? 0 : Math.ceil(((debt.failures - FAILURES + 1) * RECOVERY) / 1000);
  }

  fail(address: string): void {
    const key = networkOf(address);
    const debt = this.#current(address) ?? { failures: 0, since: performance.now() };
    this.#debts.delete(key);
    this.#debts.set(key, { failures: debt.failures + 1, since: performance.now() });
    for (const oldest of this.#debts.keys()) {
      if (this.#debts.size <= ADDRESSES) break;
      this.#debts.delete(oldest);
    }
  }

  /** Takes one failure back. */
  forgive(address: string): void {
    const debt = this.#current(address);
    if (debt) this.#debts.set(networkOf(address), { ...debt, failures: Math.max(0, debt.failures - 1) });
  }

  #current(address: string): Debt | undefined {
    const key = networkOf(address);
    const debt = this.#debts.get(key);
    if (!debt) return undefined;
    const failures = debt.failures - (performance.now() - debt.since) / RECOVERY;
    if (failures > 0) return { failures, since: performance.now() };
    this.#debts.delete(key);
    return undefined;
  }
}

/** One customer of IPv6 has a whole /64 of addresses. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}
