import { readFileSync } from 'node:fs';
import { unmount } from '../../src/linux/index.ts';

/** Unmounts what a test's state folder has mounted in it: a driver may keep its layers mounted for whoever comes next. */
export function unmountBelow(folder: string): void {
  const targets = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((target) => target.startsWith(`${folder}/`));
  for (const target of targets.reverse()) unmount(target, { lazy: true });
}
