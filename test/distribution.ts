import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Debian's docker-registry on loopback, its storage in a temporary folder. */
export async function startDistribution(): Promise<{ readonly host: string } & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-distribution-'));
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info, formatter: text}\nstorage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:0'}\n`,
  );
  const child: ChildProcess = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const port = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    closed.then(() => reject(new Error('docker-registry ended early')), reject);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream)
        createInterface(stream).on('line', (line) => {
          const found = /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
          if (found) resolve(found);
        });
    }
  });
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
      rmSync(folder, { recursive: true });
    },
  };
}
