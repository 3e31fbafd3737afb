import { EngineError } from '../std/index.ts';
import { globOf } from './glob.ts';

/** Tags that, once they are there, no client moves or deletes. */
export interface ImmutableRule {
  readonly repositories: string;
  /** Which tags; all. */
  readonly tags?: string;
}

/** How much each repository that fits may hold. */
export interface QuotaRule {
  readonly repositories: string;
  readonly bytes: number;
}

/** Which tags collection keeps in repositories that fit; those that none of the reasons keeps are removed. */
export interface RetentionRule {
  readonly repositories: string;
  /** The last that were pushed or moved, by number. */
  readonly keepLast?: number;
  /** Those that were pulled, pushed or moved within so many milliseconds. */
  readonly keepPulledWithin?: number;
  /** Those that are versions: all with true, or so many of the highest. */
  readonly keepSemver?: boolean | number;
  /** Patterns of tags that always stay. */
  readonly keep?: readonly string[];
}

/** What an administrator has laid down for content. In each list the first rule that fits a repository counts. */
export interface ContentRules {
  readonly immutable?: readonly ImmutableRule[];
  readonly quotas?: readonly QuotaRule[];
  readonly retention?: readonly RetentionRule[];
}

/** Rules, ready to be asked. */
export interface CompiledRules {
  isImmutable(repository: string, tag: string): boolean;
  /** In bytes. */
  quotaOf(repository: string): number | undefined;
  retentionOf(repository: string): RetentionRule | undefined;
}

/** Throws InvalidArgument for rules that can't be meant. */
export function compileRules({ immutable = [], quotas = [], retention = [] }: ContentRules = {}): CompiledRules {
  const fixed = immutable.map(({ repositories, tags = '**' }) => ({
    fits: globOf(repositories),
    covers: globOf(tags),
  }));
  const limits = quotas.map(({ repositories, bytes }) => {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new EngineError('InvalidArgument', `the quota of ${repositories} must be a number of bytes`);
    }
    return { fits: globOf(repositories), bytes };
  });
  const kept = retention.map((rule) => {
    const { keepLast, keepPulledWithin, keepSemver, keep = [] } = rule;
    const isEmpty = keepLast === undefined && keepPulledWithin === undefined && !keepSemver && keep.length === 0;
    if (isEmpty) {
      throw new EngineError(
        'InvalidArgument',
        `the retention of ${rule.repositories} keeps nothing at all; give it keepLast, keepPulledWithin, keepSemver or keep`,
      );
    }
    for (const pattern of keep) globOf(pattern);
    return { fits: globOf(rule.repositories), rule };
  });
  return {
    isImmutable: (repository, tag) => fixed.some(({ fits, covers }) => fits(repository) && covers(tag)),
    quotaOf: (repository) => limits.find(({ fits }) => fits(repository))?.bytes,
    retentionOf: (repository) => kept.find(({ fits }) => fits(repository))?.rule,
  };
}
