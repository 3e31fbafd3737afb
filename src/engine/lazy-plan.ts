import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type LazyPlan, lazyFolder } from '../lazy/index.ts';
import { entryFile, randomHex, writeFileAtomic } from '../std/index.ts';
import type { Engine } from './engine.ts';
import type { EngineOptions } from './options.ts';

/** What the server of a lazy mount needs besides to speak with registries as this engine does. Plain data. */
export interface LazyServerPlan extends LazyPlan {
  readonly options: EngineOptions;
  readonly env: Readonly<Record<string, string>>;
  /** Where it writes why it gave up. */
  readonly failure: string;
}

/** Of our surroundings: where credentials are, how their helpers are found, proxies. */
const KEPT = /^(?:PATH|HOME|DOCKER_CONFIG|XDG_[A-Z_]+|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|(?:https?|no|all)_proxy)$/i;

/** Where a mount's plan is written, and beside it why its server gave up. */
export function planFolder(root: string): string {
  return join(lazyFolder(root), 'mounts');
}

/** Writes a plan for {@link lazyServer}. */
export async function writePlan(engine: Engine, plan: LazyPlan): Promise<string> {
  const folder = planFolder(engine.root);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${randomHex(12)}.json`);
  const env = Object.entries(process.env).filter(([name]) => KEPT.test(name)) as [string, string][];
  const whole: LazyServerPlan = {
    ...plan,
    options: { ...engine.options, root: engine.root },
    env: Object.fromEntries(env),
    failure: failureOf(path),
  };
  await writeFileAtomic(path, JSON.stringify(whole));
  return path;
}

export function failureOf(plan: string): string {
  return `${plan}.failure`;
}

/** The command that serves the plan at `path` on its descriptor 3. */
export function lazyServer(path: string): string[] {
  return [process.execPath, entryFile(import.meta.url, 'lazy-helper'), path];
}
