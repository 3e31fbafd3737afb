import { join } from 'node:path';
import { type ClientOptions, type Credentials, type RegistryClient, registryClient } from '../client/index.ts';
import type { Reference } from '../oci/index.ts';
import { type RegistryPlace, type RegistryPlaceOptions, registryPlace } from '../transfer/index.ts';
import { defaultRoot, type EngineOptions } from './options.ts';
import { realmMemory } from './realm-memory.ts';
import { readRegistrySettings } from './settings.ts';

/** Clients of registries with what is set up for them: credentials, certificates (the state's own among them), mirrors. One for each registry. */
export class Registries implements AsyncDisposable {
  readonly #options: ClientOptions;
  readonly #clients: Map<string, RegistryClient> = new Map();

  private constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Reads what the machine's and the user's settings say, under what `options` say. `credentials` are tried instead of the stored ones. */
  static async open(options: EngineOptions, credentials?: Credentials): Promise<Registries> {
    const root = options.root ?? defaultRoot();
    const settings = await readRegistrySettings();
    return new Registries({
      configFile: configFileOf(options),
      certificateFolders: [join(root, 'certs.d')],
      credentials,
      realms: realmMemory(root),
      insecureRegistries: [...settings.insecureRegistries, ...(options.insecureRegistries ?? [])],
      mirrors: { ...settings.mirrors, ...options.mirrors },
    });
  }

  client(registry: string): RegistryClient {
    const client = this.#clients.get(registry) ?? registryClient(registry, this.#options);
    this.#clients.set(registry, client);
    return client;
  }

  /** A repository as a place that images come from and go to. */
  place(reference: Reference, options: RegistryPlaceOptions = {}): RegistryPlace {
    return registryPlace(this.client(reference.registry), reference, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client[Symbol.asyncDispose]()));
  }
}

/** Docker's file of credentials, where `--config` names its folder. */
export function configFileOf({ configFolder }: EngineOptions): string | undefined {
  return configFolder === undefined ? undefined : join(configFolder, 'config.json');
}
