import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { GrowingFile, isErrno, randomHex } from '../std/index.ts';
import { onDisk } from './disk-error.ts';
import { holdFile } from './held-file.ts';
import type { ExistingBlob, ExpectedBlob, Ingest } from './ingest.ts';
import { removeIngest } from './ingest-folder.ts';
import { IngestWriter } from './ingest-writer.ts';
import { blobPath, digestFileName } from './state.ts';

interface IngestPlace {
  readonly root: string;
  touch(digest: Digest): Promise<boolean>;
  stat(digest: Digest): Promise<{ size: number } | undefined>;
}

/** Begins an ingest, or finds the blob, waiting for a writer of the same digest to end. */
export function openIngest(
  place: IngestPlace,
  expected: ExpectedBlob,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Ingest | ExistingBlob> {
  const { digest } = expected;
  const folder = join(place.root, 'ingests', digest === undefined ? randomHex(16) : digestFileName(digest));
  return onDisk(`writing ${digest ?? 'a blob'}`, async () => {
    for (;;) {
      const before = digest === undefined ? undefined : await findExisting(place, digest);
      if (before) return before;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const data = join(folder, 'data');
      let file: Awaited<ReturnType<typeof holdFile>>;
      try {
        file = await holdFile(data, signal ? { signal } : {});
      } catch (error) {
        if (isErrno(error, 'ENOENT')) continue; // whoever held it has finished and taken the folder away
        throw error;
      }
      try {
        const meanwhile = digest === undefined ? undefined : await findExisting(place, digest);
        if (meanwhile) {
          await removeIngest(folder);
          await file.close();
          return meanwhile;
        }
        if (expected.reference !== undefined) {
          await writeFile(join(folder, 'reference'), `${expected.reference}\n`, { mode: 0o600 });
        }
        return await IngestWriter.begin({ root: place.root, folder, file, expected });
      } catch (error) {
        await file.close();
        throw error;
      }
    }
  });
}

async function findExisting(place: IngestPlace, digest: Digest): Promise<ExistingBlob | undefined> {
  if (!(await place.touch(digest))) return undefined;
  const found = await place.stat(digest);
  if (!found) return undefined;
  return {
    exists: true,
    digest,
    size: found.size,
    file: GrowingFile.whole(blobPath(place.root, digest), found.size),
    async [Symbol.asyncDispose]() {},
  };
}
