// The program's entry from its sources; bundle-entry.ts is the one that is shipped.
import { complaintAboutNode } from './node-version.ts';

const complaint = complaintAboutNode();
if (complaint !== undefined) {
  process.stderr.write(complaint);
  process.exitCode = 125;
} else {
  process.exitCode = 125; // unless the work comes to its own end: what is waited for in vain is no success
  run().catch((error: unknown) => {
    process.stderr.write(`strata: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(125);
  });
}

async function run(): Promise<void> {
  const { start } = await import('./start.ts');
  // Idle sockets and a waiting standard input would keep the process alive; everything is written out by now.
  process.exit(await start());
}
