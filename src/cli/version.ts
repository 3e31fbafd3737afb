import { readFileSync } from 'node:fs';

/** This package's version; its package.json lies two folders up in sources, in `dist/` and beside the bundle alike. */
export function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return text;
}
