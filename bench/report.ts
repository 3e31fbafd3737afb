import type { Sample } from './measure.ts';

/** What one subject took in one bench. */
export interface Row {
  readonly bench: string;
  readonly subject: string;
  readonly version: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 's';
  readonly peak_rss_mib: number;
  readonly cpu_s: number;
}

/** The subject that the others are compared with. */
const OWN = 'strata';

/** Prints one bench's samples, a line a subject, and gives them as rows. */
export function report(
  bench: { readonly name: string; readonly what: string },
  rounds: number,
  samples: ReadonlyMap<{ readonly name: string; readonly version: string }, readonly Sample[]>,
): Row[] {
  const own = median([...samples].flatMap(([{ name }, taken]) => (name === OWN ? taken.map(secondsOf) : [])));
  console.log(`\n${bench.name}: ${bench.what} (${rounds} rounds, interleaved)`);
  const rows: Row[] = [];
  for (const [subject, taken] of samples) {
    if (taken.length === 0) continue;
    const seconds = taken.map(secondsOf);
    const row: Row = {
      bench: bench.name,
      subject: subject.name,
      version: subject.version,
      median: median(seconds),
      min: Math.min(...seconds),
      max: Math.max(...seconds),
      unit: 's',
      peak_rss_mib: Math.max(...taken.map(({ rss }) => rss)),
      cpu_s: median(taken.map(({ cpu }) => cpu)),
    };
    rows.push(row);
    const ratio = subject.name === OWN ? '' : `  strata takes ${(own / row.median).toFixed(2)} of it`;
    console.log(
      `  ${subject.name.padEnd(14)} ${row.median.toFixed(3).padStart(8)} s  (${row.min.toFixed(3)} to ${row.max.toFixed(3)})  cpu ${row.cpu_s.toFixed(2).padStart(6)} s  peak ${row.peak_rss_mib.toFixed(0).padStart(5)} MiB${ratio}`,
    );
  }
  return rows;
}

function secondsOf({ seconds }: Sample): number {
  return seconds;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
