import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TocEntry } from '../src/layer/index.ts';
import { mergeLayers } from '../src/union/index.ts';

const LAYERS = 8;
const PACKAGES = 125;
const FOLDERS = 5;
const FILES = 19;

/** Unites eight layers of 100,000 entries in this process: milliseconds, and MiB of heap that the tree takes beside the tables. */
export function benchMerge(rounds: number): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const layers = Array.from({ length: LAYERS }, (_, index) => ({ entries: [...entriesOf(index)] }));
  const count = layers.reduce((sum, { entries }) => sum + entries.length, 0);
  const times: number[] = [];
  let mebibytes = 0;
  for (let round = 0; round < rounds; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    const began = performance.now();
    const tree = mergeLayers(layers);
    times.push(performance.now() - began);
    collect();
    mebibytes = Math.max(mebibytes, (process.memoryUsage().heapUsed - before) / 2 ** 20);
    if (!tree.children?.has('usr')) throw new Error('the layers did not merge');
  }
  times.sort((a, b) => a - b);
  const [least = 0] = times;
  console.log(`\nmerge: the fold of ${count} entries in ${LAYERS} layers (${rounds} rounds in one process)`);
  console.log(
    `  median ${times[times.length >> 1]?.toFixed(0)} ms  (${least.toFixed(0)} to ${times.at(-1)?.toFixed(0)})`,
  );
  console.log(`  ${mebibytes.toFixed(1)} MiB`);
}

function* entriesOf(layer: number): Generator<TocEntry> {
  const entry = (path: string, type: 'directory' | 'file'): TocEntry => ({
    path,
    type,
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0n,
  });
  for (const path of ['', 'usr', 'usr/lib']) yield entry(path, 'directory');
  for (let number = 0; number < PACKAGES; number++) {
    const path = `usr/lib/package-${layer}-${number}`;
    yield entry(path, 'directory');
    for (let folder = 0; folder < FOLDERS; folder++) {
      yield entry(`${path}/${folder}`, 'directory');
      for (let file = 0; file < FILES; file++) yield entry(`${path}/${folder}/file-${file}.js`, 'file');
    }
  }
}
