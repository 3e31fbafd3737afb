import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import { DEFAULT_PROFILE, defaultProfile } from './apparmor-profile.ts';
import { findProgram } from './host-tools.ts';
import { runCommand } from './namespace-command.ts';
import type { SecurityOptions } from './options.ts';
import { readText } from './record-file.ts';
import { makeRunFolder } from './run-folder.ts';

/** The kernel's AppArmor as it stands: `/sys`, and the program that loads profiles. */
export interface AppArmorHost {
  readonly sys: string;
  readonly parser: string | undefined;
}

/** `off`: the kernel has none. `ready`: containers get a profile. `no parser`: they get none, for nothing here could load it. */
export type AppArmorStatus = 'off' | 'ready' | 'no parser';

const APPARMOR_HOST: AppArmorHost = {
  sys: '/sys',
  get parser() {
    return findProgram('apparmor_parser');
  },
};

export function appArmorStatus(host: AppArmorHost = APPARMOR_HOST): AppArmorStatus {
  if (!isEnabled(host)) return 'off';
  return host.parser !== undefined || isLoaded(host, DEFAULT_PROFILE) !== false ? 'ready' : 'no parser';
}

/**
 * The profile that a container gets; undefined where AppArmor is off, or where the default one can't be loaded for want of apparmor_parser.
 * The default profile is loaded where it is not yet. InvalidArgument for a profile of another name that is not loaded.
 */
export async function apparmorProfile(
  root: string,
  { apparmor, privileged }: Pick<SecurityOptions, 'apparmor' | 'privileged'>,
  host: AppArmorHost = APPARMOR_HOST,
): Promise<string | undefined> {
  if (!isEnabled(host)) return undefined;
  const wanted = apparmor ?? (privileged ? 'unconfined' : DEFAULT_PROFILE);
  if (wanted === 'unconfined') return wanted;
  const loaded = isLoaded(host, wanted);
  if (loaded === true) return wanted;
  if (wanted === DEFAULT_PROFILE && loaded === false && host.parser !== undefined) {
    await load(root, host.parser);
    return wanted;
  }
  if (apparmor === undefined) return undefined;
  throw new EngineError(
    'InvalidArgument',
    loaded === undefined
      ? `can't see which AppArmor profiles are loaded: is securityfs mounted? --security-opt apparmor=unconfined does without`
      : `the AppArmor profile ${apparmor} is not loaded on this machine; load it: apparmor_parser -r FILE`,
  );
}

function isEnabled({ sys }: AppArmorHost): boolean {
  return readText(join(sys, 'module/apparmor/parameters/enabled')) === 'Y';
}

/** Undefined where the list can't be read: in a container, or without securityfs. */
function isLoaded({ sys }: AppArmorHost, profile: string): boolean | undefined {
  let list: string | undefined;
  try {
    list = readText(join(sys, 'kernel/security/apparmor/profiles'));
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
  }
  return list?.split('\n').some((line) => line.startsWith(`${profile} (`));
}

async function load(root: string, parser: string): Promise<void> {
  const file = join(makeRunFolder(root), `apparmor-${randomHex(6)}`);
  writeFileSync(file, defaultProfile(), { mode: 0o600, flag: 'wx' });
  try {
    const { code, stderr } = await runCommand([parser, '-Kr', file]);
    if (code === 0) return;
    throw new EngineError(
      'Unavailable',
      `${parser} can't load the AppArmor profile ${DEFAULT_PROFILE}: ${stderr.trim() || `exit code ${code}`}`,
    );
  } finally {
    rmSync(file, { force: true });
  }
}
