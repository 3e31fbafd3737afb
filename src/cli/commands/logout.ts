import { logout as logOut } from '../../engine/index.ts';
import { DEFAULT_REGISTRY } from '../../oci/index.ts';
import { type Command, command } from '../command.ts';
import { engineOptionsOf } from '../engine-options.ts';

export const logout: Command = command({
  args: '[SERVER]',
  async run({ args, globals, print }) {
    const registry = args[0] ?? DEFAULT_REGISTRY;
    const known = await logOut(engineOptionsOf(globals), registry);
    print(known ? `Removing login credentials for ${registry}` : `Not logged in to ${registry}`);
  },
});
