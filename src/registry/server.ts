import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../std/index.ts';
import type { AccessRecord } from './access-log.ts';
import { type AuthOptions, openAuth } from './auth.ts';
import { type Certificate, ensureCertificate } from './certificate.ts';
import type { CollectionOptions, CollectionReport } from './collect.ts';
import { Collector } from './collector.ts';
import { serveControl } from './control.ts';
import { Faults } from './faults.ts';
import { registryHandler } from './handler.ts';
import { listen, makeServer, stop } from './http-server.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { noLogin } from './login.ts';
import { Metrics } from './metrics.ts';
import type { Policy } from './policy.ts';
import { type ContentRules, compileRules } from './rules.ts';
import { openRegistryStorage, type RegistryStorage, temporaryRegistryStorage } from './storage/open.ts';
import type { ExternalTokens } from './token-login.ts';

export interface RegistryOptions {
  /** Instead of a folder: closed when the registry ends. */
  readonly storage?: RegistryStorage;
  /** Where everything is kept; a temporary folder that ends with the registry where it is left out. */
  readonly folder?: string;
  /** Address to listen on; 127.0.0.1. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** PEM text, or `auto`: an own authority and certificate in `folder`/tls, for this machine's names and `names`. */
  readonly tls?: { readonly cert: string; readonly key: string } | 'auto';
  readonly names?: readonly string[];
  /** Allows HTTP without TLS on other than loopback addresses. */
  readonly plainHttp?: boolean;
  /** Users, robots, rules, tokens. Without it everybody may do everything. */
  readonly auth?: AuthOptions | { readonly external: ExternalTokens };
  /** Instead of what `auth` says. */
  readonly policy?: Policy;
  readonly delete?: boolean;
  readonly sparseIndexes?: boolean;
  /** Immutable tags, quotas, retention. */
  readonly rules?: ContentRules;
  /** How and how often (in milliseconds; 0 for never) what nothing needs is collected. Without it, only by {@link RunningRegistry.collect}. */
  readonly collection?: Omit<CollectionOptions, 'dryRun' | 'signal'> & { readonly every?: number };
  readonly limits?: Partial<Limits>;
  readonly log?: (record: AccessRecord) => void;
  /** Prometheus metrics at `/metrics`: for this machine, or for everybody. */
  readonly metrics?: 'loopback' | 'everybody';
}

/** A running registry. */
export interface RunningRegistry extends AsyncDisposable {
  /** `https://127.0.0.1:5000`: no slash at the end. */
  readonly url: string;
  /** `127.0.0.1:5000`, as it stands in references. */
  readonly host: string;
  readonly port: number;
  /** With `tls: 'auto'`. */
  readonly certificate?: Certificate;
  /** What goes wrong, for tests of clients. */
  readonly faults: Faults;
  /** Removes what nothing needs, while everything else goes on. One runs at a time: a second call waits for its turn. */
  collect(options?: CollectionOptions): Promise<CollectionReport>;
  /** Takes no more requests, finishes those that run (for `limits.stopTime` at most), and closes the storage. */
  close(): Promise<void>;
}

/** Starts a registry and returns when it answers. Throws InvalidArgument for settings that would be unsafe, Conflict where the folder or port is taken. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const { host = '127.0.0.1', port = 0 } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  if (!options.tls && !options.plainHttp && !isLoopback(host)) {
    throw new EngineError(
      'InvalidArgument',
      `plain HTTP on ${host} would show passwords and images to the network; use tls (--tls auto), or plainHttp (--plain-http) where that is meant`,
    );
  }
  const rules = compileRules(options.rules);
  const storage = options.storage ?? (await openStorage(options.folder));
  // What stands so far is taken down again, last first: where something here fails, and when the registry ends.
  await using building = new AsyncDisposableStack();
  building.use(storage);
  const collector = new Collector(storage, { ...options.collection, rules, uploadLife: limits.uploadLife });
  building.defer(() => collector.stop());
  const certificate = options.tls === 'auto' ? await ownCertificate(options, host) : undefined;
  const pair = certificate ?? (options.tls === 'auto' ? undefined : options.tls);
  const folder = options.folder === undefined ? undefined : resolve(options.folder);
  const auth = options.auth && (await openAuth(options.auth, folder));
  const policy = options.policy ?? auth?.policy;
  const faults = new Faults((auth?.login ?? noLogin).challenge);
  let isReady = true;
  const handler = registryHandler({
    storage,
    limits,
    rules,
    delete: options.delete ?? true,
    sparseIndexes: options.sparseIndexes ?? false,
    faults,
    isReady: () => isReady,
    ...(auth && { login: auth.login }),
    ...(policy && { policy }),
    ...(auth?.tokenServer && { tokenServer: policy ? { ...auth.tokenServer, policy } : auth.tokenServer }),
    ...(options.log && { log: options.log }),
    ...(options.metrics && { metrics: { of: new Metrics(collector), to: options.metrics } }),
  });
  const server = makeServer(pair, limits);
  server.on('request', handler).on('checkContinue', handler);
  const control = folder === undefined ? undefined : await serveControl(folder, collector);
  if (control) building.defer(() => control.close());
  await listen(server, host, port);
  building.defer(async () => {
    isReady = false;
    await sleep(limits.drainTime);
    await stop(server, limits.stopTime);
  });
  const address = server.address() as AddressInfo;
  const name = hostOf(host, address.port);

  const running = building.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= running.disposeAsync();
    return closing;
  };
  return {
    url: `${pair ? 'https' : 'http'}://${name}`,
    host: name,
    port: address.port,
    ...(certificate && { certificate }),
    faults,
    collect: (more) => collector.collect(more),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function openStorage(folder: string | undefined): Promise<RegistryStorage> {
  return folder === undefined ? await temporaryRegistryStorage() : await openRegistryStorage(folder);
}

async function ownCertificate({ folder, names = [] }: RegistryOptions, host: string): Promise<Certificate> {
  if (folder === undefined) {
    throw new EngineError('InvalidArgument', "tls 'auto' keeps its keys in the registry's folder: name one");
  }
  const wildcard = host === '0.0.0.0' || host === '::';
  return await ensureCertificate(join(resolve(folder), 'tls'), { names: wildcard ? names : [host, ...names] });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** HOST:PORT as a client on this machine would write it. */
function hostOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}
