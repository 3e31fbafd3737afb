import { globOf } from './glob.ts';
import type { RetentionRule } from './rules.ts';
import type { TagRecord } from './storage/names.ts';

// semver.org, 2.0.0, with the `v` that most write before it; a tag has no `+`, so no build either.
const SEMVER = /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** The tags of one repository that `rule` does not keep, at `now` (milliseconds since 1970). */
export function expiredTags(tags: readonly TagRecord[], rule: RetentionRule, now: number): string[] {
  const kept = new Set<string>();
  if (rule.keepLast !== undefined) {
    const newest = tags.toSorted((a, b) => b.moved - a.moved || compareText(a.name, b.name));
    for (const { name } of newest.slice(0, rule.keepLast)) kept.add(name);
  }
  if (rule.keepPulledWithin !== undefined) {
    const since = now - rule.keepPulledWithin;
    for (const { name, moved, pulled = 0 } of tags) if (Math.max(moved, pulled) >= since) kept.add(name);
  }
  if (rule.keepSemver) {
    const versions = tags.filter(({ name }) => SEMVER.test(name)).toSorted((a, b) => compareVersions(b.name, a.name));
    const count = rule.keepSemver === true ? versions.length : rule.keepSemver;
    for (const { name } of versions.slice(0, count)) kept.add(name);
  }
  const patterns = (rule.keep ?? []).map(globOf);
  return tags.map(({ name }) => name).filter((name) => !kept.has(name) && !patterns.some((fits) => fits(name)));
}

/** semver.org, "Precedence". Negative where `a` comes first. */
export function compareVersions(a: string, b: string): number {
  const [, majorA = '', minorA = '', patchA = '', preA] = SEMVER.exec(a) ?? [];
  const [, majorB = '', minorB = '', patchB = '', preB] = SEMVER.exec(b) ?? [];
  for (const [left, right] of [
    [majorA, majorB],
    [minorA, minorB],
    [patchA, patchB],
  ] as const) {
    const order = compareNumbers(left, right);
    if (order !== 0) return order;
  }
  if (preA === undefined || preB === undefined) return Number(preA === undefined) - Number(preB === undefined);
  return compareLists(preA.split('.'), preB.split('.'));
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const [left, right] = [a[index] as string, b[index] as string];
    const [isNumber, isOther] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    const order =
      isNumber && isOther
        ? compareNumbers(left, right)
        : isNumber === isOther
          ? compareText(left, right)
          : Number(isOther) - Number(isNumber);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Digits of any length: dates and hashes make longer numbers than a double holds. */
function compareNumbers(a: string, b: string): number {
  return a.length - b.length || compareText(a, b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
