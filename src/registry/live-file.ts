import { readFileSync, statSync } from 'node:fs';

const LOOK_AGAIN = 1000;

/**
 * What a file says that others may change at any time: looked at when it is asked for, at most once a second, and read when it has changed.
 * A file that is missing or can't be read says `nothing`.
 */
export function liveFile<Content>(path: string, parse: (text: string) => Content, nothing: Content): () => Content {
  let content = nothing;
  let version = '';
  let lookedAt = Number.NEGATIVE_INFINITY;
  const refresh = (): void => {
    try {
      const { mtimeMs, size, ino } = statSync(path);
      const found = `${mtimeMs} ${size} ${ino}`;
      if (found === version) return;
      content = parse(readFileSync(path, 'utf8'));
      version = found;
    } catch {
      content = nothing;
      version = '';
    }
  };
  return () => {
    const now = performance.now();
    if (now - lookedAt > LOOK_AGAIN) {
      lookedAt = now;
      refresh();
    }
    return content;
  };
}
