import { fileURLToPath } from 'node:url';

/**
 * The file of a worker or helper program that stands beside the calling module, whether it runs from sources (`.ts`), from
 * `dist/` (`.js`) or from the bundle, where every such entry lies flat beside the chunks. Pass `import.meta.url`.
 */
export function entryFile(from: string, name: string): string {
  return fileURLToPath(new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from));
}
