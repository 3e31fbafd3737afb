import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type Container, createContainer, newContainerID, type RunResult, runForeground } from '../runtime/index.ts';
import type { Mount } from '../snapshot/index.ts';
import { EngineError } from '../std/index.ts';
import { type CreateSettings, requireRunnable } from './create.ts';
import type { Engine } from './engine.ts';
import { type LazyImage, type LazyOptions, type NotLazy, openLazyImage } from './lazy-image.ts';
import { failureOf, lazyServer, writePlan } from './lazy-plan.ts';
import { removeSnapshot, removeUnstarted } from './remove-container.ts';
import type { RunOptions } from './run.ts';

/** A container of an image that is not here. */
export interface LazyContainer {
  readonly container: Container;
  readonly lazy: LazyImage;
}

/** The driver of its snapshot: what it changes lies in an upper directory, over layers that only our own server can read. */
const DRIVER = 'fuse';
/** Milliseconds between two looks whether the server gave up. */
const LOOK = 200;

/** Makes a container that goes with its run, of an image that is fetched while it runs; or says why the image has to be pulled first. */
export async function createLazy(
  engine: Engine,
  text: string,
  settings: CreateSettings,
  options: LazyOptions = {},
): Promise<LazyContainer | NotLazy> {
  const lazy = await openLazyImage(engine, text, options);
  if ('reason' in lazy) return lazy;
  const { id, config } = lazy.image;
  requireRunnable(text, config);
  const snapshots = await engine.snapshots(DRIVER);
  const image = { name: text, id, config: config.config ?? {} };
  const container = await createContainer(engine.root, {
    ...settings,
    id: newContainerID(),
    driver: DRIVER,
    image,
    autoRemove: true,
  });
  try {
    await snapshots.prepare(container.snapshot, undefined, { volatile: true });
  } catch (error) {
    await removeUnstarted(engine, container, error);
    throw error;
  }
  return { container, lazy };
}

/**
 * Runs it to its end, as `run` does. It is stopped, and DataLoss thrown, where the image turns out to be another than its index said: what was read
 * until then may have been wrong.
 */
export async function runLazy(
  engine: Engine,
  { container, lazy }: LazyContainer,
  { signal, ...options }: RunOptions = {},
): Promise<RunResult> {
  const snapshot = await (await engine.snapshots(DRIVER)).open(container.snapshot);
  const [mount] = snapshot.mounts as [Mount];
  if (!mount.upper) throw new EngineError('Internal', 'a container without a place for its changes');
  const plan = await writePlan(engine, { ...lazy.plan, upper: mount.upper });
  const failure = failureOf(plan);
  const stopped = new AbortController();
  const watch = setInterval(() => {
    if (!existsSync(failure)) return;
    const why = readFileSync(failure, 'utf8');
    stopped.abort(
      new EngineError('DataLoss', `${container.imageName} was stopped: ${why}; its index is dropped, pull the image`),
    );
  }, LOOK);
  try {
    const mounts = [{ ...mount, server: lazyServer(plan) }];
    return await runForeground(
      engine.root,
      container,
      { mounts, lockPath: snapshot.lockPath },
      { ...options, signal: signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal },
    );
  } catch (error) {
    await removeUnstarted(engine, container, error);
    throw error;
  } finally {
    clearInterval(watch);
    rmSync(plan, { force: true });
    rmSync(failure, { force: true });
    await removeSnapshot(engine, container, { idle: true });
  }
}
