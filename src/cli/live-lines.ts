import { displayWidth, fitWidth } from './display-width.ts';
import type { Io } from './io.ts';

/** Lines at the end of the terminal that change in place, each under a key. */
export interface LiveLines extends Disposable {
  /** Sets a line; `text` is asked at each redraw. A settled line may scroll away when there are more lines than rows. */
  set(key: string, text: (columns: number) => string, settled: boolean): void;
  /** A line that stays, above the live ones. */
  print(line: string): void;
}

interface Line {
  text: (columns: number) => string;
  settled: boolean;
}

const FRAME = 66; // milliseconds between redraws
const MEASURE = 200; // columns for comparing texts

/** Draws at most fifteen times a second; disposing draws the last state and leaves the cursor below it. */
export function openLiveLines(io: Io): LiveLines {
  const lines = new Map<string, Line>();
  const gone = new Map<string, string>(); // what scrolled away, in its last words
  let above: string[] = [];
  let drawn: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;

  const draw = (): void => {
    timer = undefined;
    // The last column stays free: some terminals wrap as soon as it is written.
    const columns = Math.max(io.columns - 1, 1);
    settle({ lines, gone, above }, Math.max(io.rows - 2, 1), columns);
    const now = liveTexts(lines, Math.max(io.rows - 2, 1), columns);
    const texts = [...above, ...now];
    const clear = heightOf(drawn, Math.max(io.columns, 1));
    const up = clear > 0 ? `\x1b[${clear}A` : '';
    io.stdout.write(`${up}\r${texts.map((text) => `\x1b[2K${text}\n`).join('')}\x1b[J`);
    above = [];
    drawn = now;
  };
  const schedule = (): void => {
    timer ??= setTimeout(draw, FRAME);
  };
  io.stdout.on('resize', schedule);

  return {
    set(key, text, settled) {
      if (settled && gone.get(key) === text(MEASURE)) return;
      gone.delete(key);
      lines.set(key, { text, settled });
      schedule();
    },
    print(line) {
      above.push(line);
      schedule();
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      io.stdout.off('resize', schedule);
      if (lines.size > 0 || above.length > 0) draw();
    },
  };
}

/** Moves settled lines, oldest first, to those that stay above, until the rest fits into `rows`. */
function settle(
  { lines, gone, above }: { lines: Map<string, Line>; gone: Map<string, string>; above: string[] },
  rows: number,
  columns: number,
): void {
  for (const [key, { text, settled }] of lines) {
    if (lines.size <= rows) return;
    if (!settled) continue;
    above.push(fitWidth(text(columns), columns));
    gone.set(key, text(MEASURE));
    lines.delete(key);
  }
}

function liveTexts(lines: ReadonlyMap<string, Line>, rows: number, columns: number): string[] {
  const all = [...lines.values()];
  const shown = all.length > rows ? all.slice(0, rows - 1) : all;
  const texts = shown.map(({ text }) => fitWidth(text(columns), columns));
  if (shown.length < all.length) texts.push(fitWidth(`… and ${all.length - shown.length} more`, columns));
  return texts;
}

/** How many rows lines take that were drawn when the terminal was perhaps wider. */
function heightOf(lines: readonly string[], columns: number): number {
  return lines.reduce((rows, line) => rows + Math.max(Math.ceil(displayWidth(line) / columns), 1), 0);
}
