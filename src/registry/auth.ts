import { join } from 'node:path';
import { credentialsOf } from './credentials.ts';
import { passwordFile } from './htpasswd.ts';
import { basicLogin, type Login } from './login.ts';
import { type AccessRule, accessPolicy, everybody, type Policy, usersOnly } from './policy.ts';
import { robotFile } from './robots.ts';
import { type ExternalTokens, externalTokenLogin, tokenLogin } from './token-login.ts';
import type { TokenServer } from './token-server.ts';
import { tokenIssuer } from './tokens.ts';

/** Who gets in, and what they may. */
export interface AuthOptions {
  /** Users, with bcrypt hashes; the file may change at any time. */
  readonly htpasswd: string;
  /** Robots: see `createRobot`. */
  readonly robots?: string | undefined;
  readonly realm?: string | undefined;
  /** Everybody may pull; only where there are no `access` rules. */
  readonly anonymousPull?: boolean | undefined;
  /** Who may what; what no rule allows is refused. Without it users may do everything. */
  readonly access?: readonly AccessRule[] | undefined;
  readonly groups?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Clients exchange their password for tokens at this registry's own token server. */
  readonly tokens?: boolean | TokenOptions | undefined;
}

export interface TokenOptions {
  /** The registry's name in tokens. */
  readonly service?: string | undefined;
  /** Where clients reach this registry, without a slash at the end; without it, where each asked. */
  readonly publicUrl?: string | undefined;
  /** Seconds that a token lives; 300. */
  readonly life?: number | undefined;
}

const SERVICE = 'overstrata';

/** Everything that {@link RegistryHandlerOptions} need of it. `folder` keeps the tokens' key. */
export async function openAuth(
  options: AuthOptions | { readonly external: ExternalTokens },
  folder: string | undefined,
): Promise<{ readonly login: Login; readonly policy: Policy; readonly tokenServer?: TokenServer }> {
  if ('external' in options) return { login: externalTokenLogin(options.external), policy: everybody };
  const { htpasswd, robots, access, groups, tokens } = options;
  const policy = access
    ? accessPolicy(access, { ...(groups && { groups }) })
    : usersOnly({ anonymousPull: options.anonymousPull ?? false });
  const credentials = credentialsOf({
    users: passwordFile(htpasswd),
    robots: robots === undefined ? undefined : robotFile(robots),
  });
  if (!tokens) return { login: basicLogin(credentials, { realm: options.realm }), policy };

  const { service = SERVICE, publicUrl, life } = tokens === true ? {} : tokens;
  const keyFile = folder === undefined ? undefined : join(folder, 'tokens', 'key.pem');
  const issuer = await tokenIssuer(credentials, { service, keyFile, life });
  return {
    login: tokenLogin(credentials, issuer, { service, publicUrl }),
    policy,
    tokenServer: { credentials, tokens: issuer, policy, service },
  };
}
