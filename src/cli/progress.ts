import { type Job, printable } from '../std/index.ts';
import type { TransferEvent } from '../transfer/index.ts';
import type { Io } from './io.ts';
import { openLiveLines } from './live-lines.ts';
import { applyEvent, describeBlob, newBlob } from './transfer-state.ts';

/** Follows a transfer on standard output, as docker shows one, and yields its result. */
export async function showTransfer<Result>(io: Io, job: Job<TransferEvent, Result>): Promise<Result> {
  using display = canRedraw(io) ? terminalDisplay(io) : plainDisplay(io);
  for await (const event of job) display.show(event);
  return await job.result;
}

interface Display extends Disposable {
  show(event: TransferEvent): void;
}

/** Whether standard output is a terminal that moves its cursor. */
function canRedraw(io: Io): boolean {
  const { TERM } = io.env;
  return io.isTerminal.stdout && TERM !== 'dumb';
}

/** A line a blob, redrawn in place. */
function terminalDisplay(io: Io): Display {
  const blobs = new Map<string, ReturnType<typeof newBlob>>();
  const lines = openLiveLines(io);
  return {
    show(event) {
      if (event.kind === 'resolved') return lines.print(`Resolved ${printable(event.name)}`);
      const blob = blobs.get(event.id) ?? newBlob(event.id);
      blobs.set(event.id, blob);
      applyEvent(blob, event);
      const { settled } = describeBlob(blob, 0);
      lines.set(event.id, (columns) => printable(describeBlob(blob, columns).text), settled);
    },
    [Symbol.dispose]() {
      lines[Symbol.dispose]();
    },
  };
}

/** A line for each new state, for files and pipes. */
function plainDisplay(io: Io): Display {
  const blobs = new Map<string, ReturnType<typeof newBlob>>();
  const told = new Map<string, string>();
  return {
    show(event) {
      if (event.kind === 'resolved') {
        io.stdout.write(`Resolved ${event.name}\n`);
        return;
      }
      const blob = blobs.get(event.id) ?? newBlob(event.id);
      blobs.set(event.id, blob);
      applyEvent(blob, event);
      const { label, title } = describeBlob(blob, 0);
      if (told.get(event.id) === label) return;
      told.set(event.id, label);
      io.stdout.write(`${title}: ${label}\n`);
    },
    [Symbol.dispose]() {},
  };
}
