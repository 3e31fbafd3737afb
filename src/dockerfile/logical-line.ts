/** Where a part of a logical line comes from in the file; lines and columns count from 1. */
interface Segment {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** An instruction's lines joined to one: continuation characters, comments and empty lines between them are gone. */
export interface LogicalLine {
  readonly text: string;
  readonly line: number;
  readonly endLine: number;
  readonly segments: readonly Segment[];
  /** The comments right above it, one a line, without `#`. */
  readonly comments: readonly string[];
  /** Whether an empty line stands within; BuildKit's NoEmptyContinuation. */
  readonly emptyContinuation: boolean;
}

/** Line and column, in UTF-16 units, of an offset in a logical line's text. */
export function positionAt({ segments }: LogicalLine, offset: number): { line: number; column: number } {
  const found = segments.findLast((segment) => segment.offset <= offset) ?? (segments[0] as Segment);
  return { line: found.line, column: found.column + offset - found.offset };
}
