import type { BigIntStats } from 'node:fs';
import { lastErrno, native } from '../linux/index.ts';
import type { SparseRun } from '../tar/index.ts';

const SEEK_DATA = 3; // lseek(2)
const SEEK_HOLE = 4;
/** Below this a sparse member costs readers more (headers, a map, a second write) than the zeros. */
const WORTH_IT = 1 << 18;
const MOST_RUNS = 4096;

/** The data of an open file where leaving its holes out pays; undefined for files better stored whole. */
export function sparseRuns(fd: number, stats: BigIntStats): SparseRun[] | undefined {
  const size = Number(stats.size);
  if (size - Number(stats.blocks) * 512 < WORTH_IT) return undefined;
  const runs: SparseRun[] = [];
  let stored = 0;
  for (let at = 0; at < size; ) {
    const offset = seek(fd, at, SEEK_DATA);
    if (offset === undefined || offset >= size) break;
    const end = Math.min(seek(fd, offset, SEEK_HOLE) ?? size, size);
    runs.push({ offset, length: end - offset });
    stored += end - offset;
    if (runs.length > MOST_RUNS) return undefined;
    at = end;
  }
  return size - stored < WORTH_IT ? undefined : runs;
}

/** Undefined past the last data, and where the file system can't say. */
function seek(fd: number, offset: number, whence: number): number | undefined {
  const result = native('int64_t lseek(int, int64_t, int)')(fd, offset, whence);
  if (result === -1 && lastErrno() !== ENXIO) return whence === SEEK_DATA ? offset : undefined;
  return result === -1 ? undefined : result;
}

const ENXIO = 6;
