import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BuildPlace, type BuildState, flatTar, writeFolder } from '../build/index.ts';
import type { Image } from '../image/index.ts';
import { EngineError } from '../std/index.ts';
import { storeSource, writeArchive } from '../transfer/index.ts';

/** `--output`: where beside the store a build goes. */
export type BuildOutput =
  | { readonly type: 'image' }
  | { readonly type: 'local'; readonly dest: string }
  | { readonly type: 'tar' | 'docker' | 'oci'; readonly dest: string | Writable };

/** Reads `type=tar,dest=FILE`, or a folder's path; `-` is `stdout`. Throws InvalidArgument. */
export function parseOutput(text: string, stdout: Writable): BuildOutput {
  if (!text.includes('=')) return text === '-' ? { type: 'tar', dest: stdout } : { type: 'local', dest: text };
  const fields = new Map(
    text.split(',').map((field) => [field.split('=', 1)[0] ?? '', field.slice(field.indexOf('=') + 1)]),
  );
  const type = fields.get('type') ?? '';
  const dest = fields.get('dest');
  switch (type) {
    case 'image':
      return { type };
    case 'local':
      if (dest === undefined || dest === '-') break;
      return { type, dest };
    case 'tar':
    case 'docker':
    case 'oci':
      return { type, dest: dest === undefined || dest === '-' ? stdout : dest };
  }
  throw new EngineError(
    'InvalidArgument',
    `--output ${text}: expected a folder, type=local,dest=FOLDER, or type=tar, docker or oci with dest=FILE`,
  );
}

export async function writeOutput(
  place: BuildPlace,
  output: BuildOutput,
  { image, state, names, signal }: { image: Image; state: BuildState; names: readonly string[]; signal: AbortSignal },
): Promise<void> {
  switch (output.type) {
    case 'image':
      return;
    case 'local':
      return writeFolder(place, state, output.dest);
    case 'tar': {
      const to = typeof output.dest === 'string' ? createWriteStream(output.dest) : output.dest;
      await pipeline(Readable.from(flatTar(place, state)), to, { signal, end: typeof output.dest === 'string' });
      return;
    }
    case 'docker':
    case 'oci': {
      const source = storeSource(place.store.content, image.manifestDescriptor, names[0] ?? image.id);
      await writeArchive(output.dest, [{ references: [...names], source }], {
        format: output.type,
        signal,
        report() {},
      });
    }
  }
}
