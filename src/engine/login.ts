import { eraseCredentials, storeCredentials } from '../client/index.ts';
import { EngineError, hasCode } from '../std/index.ts';
import type { EngineOptions } from './options.ts';
import { configFileOf, Registries } from './registries.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Asks the registry whether it takes the name and password, and only then keeps them where docker does: a credential helper, or `config.json`. */
export async function login(options: EngineOptions, registry: string, { username, password }: Login): Promise<void> {
  if (username === '' || password === '')
    throw new EngineError(
      'InvalidArgument',
      `login to ${registry} needs a user and a password: --username NAME --password-stdin`,
    );
  await using registries = await Registries.open(options, { username, password });
  try {
    await registries.client(registry).ping();
  } catch (cause) {
    if (!hasCode(cause, 'Unauthenticated')) throw cause;
    throw new EngineError(
      'Unauthenticated',
      `${registry} refuses ${username}: the user name or the password is wrong`,
      {
        cause,
      },
    );
  }
  await storeCredentials(registry, { username, password }, { configFile: configFileOf(options) });
}

/** Forgets what {@link login} kept. False where there was nothing. */
export async function logout(options: EngineOptions, registry: string): Promise<boolean> {
  return eraseCredentials(registry, { configFile: configFileOf(options) });
}
