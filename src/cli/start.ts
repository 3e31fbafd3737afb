import { processIo } from './io.ts';
import { main } from './main.ts';
import { program } from './verbs.ts';
import { wiring } from './wiring.ts';

/** The program on this process's own command line. One module, as each that is imported by itself costs a start half a millisecond. */
export function start(): Promise<number> {
  return main(process.argv.slice(2), processIo(), program, wiring);
}
