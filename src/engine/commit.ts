import { applyChanges, commitImage, type Image, requireImage } from '../image/index.ts';
import { packLayer } from '../layer/index.ts';
import { type ContainerConfig, formatReference, parseReference, withDefaultTag } from '../oci/index.ts';
import {
  type Container,
  getContainer,
  isActive,
  pauseContainer,
  requireContainer,
  unpauseContainer,
} from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';
import { containerChanges } from './container-changes.ts';
import type { Engine } from './engine.ts';

export interface CommitContainerOptions {
  /** Name of the new image; dangling without. */
  readonly name?: string;
  readonly author?: string;
  readonly message?: string;
  /** Instructions such as `CMD ["sh"]`. */
  readonly changes?: readonly string[];
  /** Freezes a running container meanwhile, so that its files are of one moment. */
  readonly pause?: boolean;
  readonly signal?: AbortSignal;
}

/** Makes an image of what a container changed: its image's layers and one more. What its image does not have stays out. */
export async function commit(
  engine: Engine,
  containerName: string,
  options: CommitContainerOptions = {},
): Promise<Image> {
  const { store, root } = engine;
  const name = options.name === undefined ? undefined : formatReference(withDefaultTag(parseReference(options.name)));
  const container = requireContainer(root, containerName);
  const finding = container.imageID === undefined ? undefined : baseOf(engine, container);
  finding?.catch(() => {}); // thrown where it is awaited
  await using lease = await store.lease();
  const base = await finding;
  if (base) await lease.add(base.target.digest);
  const config = applyChanges(configOf(container, base?.config.config ?? {}), options.changes ?? []);
  await using _frozen = options.pause === false ? undefined : await freeze(engine, container);
  const layer = await nonEmpty(containerChanges(engine, container));
  const image = await commitImage(store, {
    config,
    createdBy: [...container.entrypoint, ...container.command].join(' '),
    ...(base && { base }),
    ...(layer && { layer: packLayer(layer) }),
    ...(options.author !== undefined && { author: options.author }),
    ...(options.message !== undefined && { comment: options.message }),
    ...(options.signal && { signal: options.signal }),
  });
  await store.images.set(name, image.target);
  return image;
}

async function baseOf({ store }: Engine, { name, imageID }: Container): Promise<Image> {
  try {
    return (await requireImage(store, imageID ?? '')).image;
  } catch (error) {
    throw new EngineError(
      'NotFound',
      `the image of container ${name} (${imageID}) was removed by force: it can't be committed on; strata export it instead`,
      { cause: error },
    );
  }
}

/** As docker commits: what the container was run with becomes the image's defaults. */
function configOf(container: Container, base: ContainerConfig): ContainerConfig {
  return {
    ...base,
    ...(container.user !== '' && { User: container.user }),
    ...(container.workingDir !== '' && { WorkingDir: container.workingDir }),
    Env: container.env,
    Entrypoint: container.entrypoint.length > 0 ? container.entrypoint : null,
    Cmd: container.command.length > 0 ? container.command : null,
    ...(Object.keys(container.labels).length > 0 && { Labels: container.labels }),
    ...(container.exposedPorts.length > 0 && {
      ExposedPorts: Object.fromEntries(container.exposedPorts.map((port) => [port, {}])),
    }),
    ...(container.healthcheck && { Healthcheck: container.healthcheck }),
  };
}

async function freeze(engine: Engine, container: Container): Promise<AsyncDisposable | undefined> {
  if (!isActive(container) || container.state.status === 'paused') return undefined;
  await pauseContainer(engine.root, container);
  return {
    async [Symbol.asyncDispose]() {
      try {
        await unpauseContainer(engine.root, container);
      } catch (error) {
        // Ended, removed or let go by somebody else meanwhile: there is nothing left to thaw, and the image is as good.
        if (statusOf(engine, container) === 'paused') throw error;
      }
    },
  };
}

function statusOf({ root }: Engine, { id }: Container): string | undefined {
  return getContainer(root, id)?.state.status;
}

/** The same items, or undefined where there is none. */
async function nonEmpty<Item>(items: AsyncIterable<Item>): Promise<AsyncIterable<Item> | undefined> {
  const iterator = items[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return undefined;
  return (async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
}
