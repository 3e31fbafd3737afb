/**
 * Pulls an image and runs a command in it, showing how the pull goes on. Needs Linux and root.
 *
 *     node examples/run-container.ts debian:12 cat /etc/os-release
 */
import { create, type EngineOptions, ensureImage, openEngine, run } from '../src/engine/index.ts';

/** Runs `command` in a container that is removed at its end, and gives its exit code. Its output is this process's. */
export async function runOnce(
  image: string,
  command: readonly string[],
  { log = () => {}, ...options }: EngineOptions & { readonly log?: (line: string) => void } = {},
): Promise<number> {
  await using engine = await openEngine(options);
  await ensureImage(engine, image, {
    policy: 'missing',
    async follow(pulling) {
      for await (const event of pulling) if (event.kind === 'blob') log(`${event.id.slice(0, 19)} ${event.state}`);
      log(`pulled ${(await pulling.result).name}`);
    },
  });
  const container = await create(engine, image, {
    command,
    network: 'none',
    readOnly: true,
    autoRemove: true,
    resources: { memory: 256 << 20, pids: 100 },
    security: { capDrop: ['ALL'], noNewPrivileges: true },
  });
  const { exitCode, error } = await run(engine, container);
  if (error) log(error);
  return exitCode;
}

if (import.meta.main) {
  const [, , image = 'debian:12', ...command] = process.argv;
  process.exitCode = await runOnce(image, command, { log: (line) => process.stderr.write(`${line}\n`) });
}
