import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Where an export of a door really is, and its name there. */
interface Inside {
  readonly file: string;
  readonly name: string;
}
/** What a folder's door opens to, by exported name. */
type Door = ReadonlyMap<string, Inside>;

const IMPORT = /^import \{([^}]*)\} from '([^']+\/index\.ts)';$/gm;
const LATER = /const \{([^}]*)\} = await import\('([^']+\/index\.ts)'\);/g;
const THEN = /import\('([^']+\/index\.ts)'\)\.then\(\(\{([^}]*)\}\)/g;
const EXPORT = /^export \{([^}]*)\} from '(\.\/[^']+)';$/gm;

/**
 * Lets the bundle pass by the doors (`index.ts`): `import { a } from '../x/index.ts'` is taken as `import { a } from '../x/a.ts'`. They keep
 * people out of folders' insides; esbuild would load the whole folder, and what that imports, into every verb that needs one function of it.
 */
export function passDoors(): Plugin {
  const doors = new Map<string, Door>();
  return {
    name: 'pass-doors',
    setup(build) {
      build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const contents = text
          .replace(IMPORT, (_, names, door) =>
            insides(names, door, path)
              .map(({ name, alias, file }) => `import { ${name} as ${alias} } from '${file}';`)
              .join(' '),
          )
          .replace(LATER, (_, names, door) =>
            insides(names, door, path)
              .map(({ name, alias, file }) => `const { ${name}: ${alias} } = await import('${file}');`)
              .join(' '),
          )
          .replace(THEN, (whole, door, names) => {
            const [only, ...others] = insides(names, door, path);
            return only && others.length === 0
              ? `import('${only.file}').then(({ ${only.name}: ${only.alias} })`
              : whole;
          });
        return { contents, loader: 'ts' };
      });
    },
  };

  /** Where each of `names`, which `importer` takes from a door, really is. */
  function insides(names: string, specifier: string, importer: string): (Inside & { readonly alias: string })[] {
    const door = readDoor(join(dirname(importer), specifier));
    return namesOf(names).map(({ name, alias }) => {
      const inside = door.get(name);
      if (!inside) throw new Error(`${importer}: ${specifier} does not export ${name}`);
      return { ...inside, alias };
    });
  }

  function readDoor(path: string): Door {
    const known = doors.get(path);
    if (known) return known;
    const door = new Map<string, Inside>();
    for (const [, names = '', file = ''] of readFileSync(path, 'utf8').matchAll(EXPORT)) {
      for (const { name, alias } of namesOf(names)) door.set(alias, { file: join(dirname(path), file), name });
    }
    doors.set(path, door);
    return door;
  }
}

/** `a, b as c, type D` without types. */
function namesOf(list: string): { name: string; alias: string }[] {
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !part.startsWith('type '))
    .map((part) => {
      const [name = '', alias = name] = part.split(/ as |: /);
      return { name, alias };
    });
}
