import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RealmMemory } from '../client/index.ts';
import { writeFileAtomic } from '../std/index.ts';

/**
 * Remembers in the state folder which token server each registry named, so that a registry that suddenly names another one does not get our
 * password sent there. A lost or damaged file forgets, as on a new machine.
 */
export function realmMemory(root: string): RealmMemory {
  const path = join(root, 'token-servers.json');
  const read = async (): Promise<Record<string, string>> => {
    try {
      const known: unknown = JSON.parse(await readFile(path, 'utf8'));
      return typeof known === 'object' && known !== null ? (known as Record<string, string>) : {};
    } catch {
      return {};
    }
  };
  return {
    async get(registry) {
      const known = await read();
      return Object.hasOwn(known, registry) ? known[registry] : undefined;
    },
    async set(registry, realm) {
      const known = await read();
      if (known[registry] === realm) return;
      await mkdir(dirname(path), { recursive: true, mode: 0o711 });
      await writeFileAtomic(path, `${JSON.stringify({ ...known, [registry]: realm }, undefined, 2)}\n`);
    },
  };
}
