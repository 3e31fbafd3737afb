import { EngineError } from '../std/index.ts';

const MAX_LENGTH = 512;

/**
 * Whether a name fits a pattern of rules: `*` is anything within one part of a path, `**` anything at all, `?` one character. All else is
 * literal, also for repositories and tags alike. Throws InvalidArgument for a pattern that is empty or absurdly long.
 */
export function globOf(pattern: string): (name: string) => boolean {
  if (pattern === '' || pattern.length > MAX_LENGTH) {
    throw new EngineError('InvalidArgument', `a pattern has 1 to ${MAX_LENGTH} characters`);
  }
  if (pattern === '**') return () => true;
  // Runs of stars are one: nested repetition is where such expressions take for ever.
  const source = pattern.replace(/\*{3,}/g, '**').replace(/\*\*|[*?]|[^*?]+/g, (part) => {
    switch (part) {
      case '**':
        return '.*';
      case '*':
        return '[^/]*';
      case '?':
        return '[^/]';
      default:
        return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    }
  });
  const expression = new RegExp(`^${source}$`, 's');
  return (name) => expression.test(name);
}
