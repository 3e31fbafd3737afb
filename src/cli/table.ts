import { displayWidth } from './display-width.ts';

/** docker's tabwriter: every cell at least this wide, blanks included, and this many blanks between cells. */
const MIN_WIDTH = 10;
const PADDING = 3;

/**
 * Aligns tab-separated cells as Go's text/tabwriter does: a column is a run of neighbouring lines that have a cell there, and each run has a
 * width of its own. What follows a line's last tab is no cell and takes part in no column. Wide characters count as terminals show them.
 */
export function alignTabs(text: string): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths: number[][] = lines.map(() => []);
  measure(lines, widths, 0, lines.length, 0);
  return lines
    .map((cells, row) =>
      cells
        .map((cell, column) => {
          const width = widths[row]?.[column];
          return width === undefined ? cell : cell + ' '.repeat(Math.max(width - displayWidth(cell), 0));
        })
        .join(''),
    )
    .join('\n');
}

/** Sets the widths of `column` and all right of it for the lines from `first` up to `end`. */
function measure(lines: readonly string[][], widths: number[][], first: number, end: number, column: number): void {
  for (let at = first; at < end; at++) {
    if (!hasCell(lines[at], column)) continue;
    const start = at;
    let width = MIN_WIDTH;
    for (; at < end && hasCell(lines[at], column); at++) {
      width = Math.max(width, displayWidth(lines[at]?.[column] as string) + PADDING);
    }
    for (let row = start; row < at; row++) (widths[row] as number[])[column] = width;
    measure(lines, widths, start, at, column + 1);
  }
}

function hasCell(cells: readonly string[] | undefined, column: number): boolean {
  return cells !== undefined && column < cells.length - 1;
}
