// The program's entry. Nothing new in its syntax: an old Node must be able to read it, to be told what to do.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `strata: Node ${process.versions.node} is too old; install Node 24.15 or newer (a checkout brings its own: sh scripts/setup.sh)\n`,
  );
  process.exitCode = 125;
} else {
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
