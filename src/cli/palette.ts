import type { Io } from './io.ts';

/** Ways to set off text; each returns it unchanged where colours are not wanted. */
export type Palette = Readonly<
  Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan', (text: string) => string>
>;

const CODES: readonly (readonly [name: keyof Palette, on: number, off: number])[] = [
  ['bold', 1, 22],
  ['dim', 2, 22],
  ['red', 31, 39],
  ['green', 32, 39],
  ['yellow', 33, 39],
  ['blue', 34, 39],
  ['magenta', 35, 39],
  ['cyan', 36, 39],
];

/** The palette for standard output. See no-color.org and bixense.com/clicolors. */
export function paletteOf(io: Io): Palette {
  const wanted = wantsColor(io);
  return Object.fromEntries(
    CODES.map(([name, on, off]) => [
      name,
      wanted ? (text: string) => `\x1b[${on}m${text}\x1b[${off}m` : (text: string) => text,
    ]),
  ) as Palette;
}

function wantsColor({ env, isTerminal }: Io): boolean {
  const { NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM } = env;
  if (NO_COLOR) return false;
  if (CLICOLOR_FORCE && CLICOLOR_FORCE !== '0') return true;
  return isTerminal.stdout && TERM !== 'dumb' && CLICOLOR !== '0';
}
