import { decompress } from '../compression/index.ts';
import { algorithmOf, createDigester, type Digest } from '../oci/index.ts';
import { type ByteStream, errorMessage, hasCode } from '../std/index.ts';
import type { BlobInfo, ContentStore } from './content.ts';
import { type Damage, damageOf } from './finding.ts';
import type { FsckOptions } from './fsck-options.ts';
import type { Survey } from './survey.ts';

/** Reads every blob once: its digest, and what an image's layer decompresses to. Then tells what is missing. */
export async function* checkBlobs(
  content: ContentStore,
  survey: Survey,
  { signal, report }: Pick<FsckOptions, 'signal' | 'report'>,
): AsyncGenerator<Damage, void> {
  const blobs: BlobInfo[] = [];
  for await (const blob of content.list()) blobs.push(blob);
  let done = 0;
  for (const { digest } of blobs) {
    signal?.throwIfAborted();
    yield* checkBlob(content, digest, survey, signal);
    report?.({ kind: 'checked', id: digest, current: ++done, total: blobs.length });
  }
  for (const [digest, { records }] of survey.needs) {
    if (await content.stat(digest)) continue;
    yield damageOf('missing', `blob ${digest} is missing`, { records: [...records], blob: digest });
  }
}

async function* checkBlob(
  content: ContentStore,
  digest: Digest,
  survey: Survey,
  signal: AbortSignal | undefined,
): AsyncGenerator<Damage, void> {
  const need = survey.needs.get(digest);
  const records = [...(need?.records ?? [])];
  try {
    if (!need || need.diffIDs.size === 0) {
      const actual = await digestOfStream(content.stream(digest), digest);
      if (actual !== digest) yield wrongBlob(digest, actual, records);
      return;
    }
    const { actual, diffID, failure } = await hashLayer(content, digest, signal);
    if (actual !== digest) yield wrongBlob(digest, actual, records);
    else if (failure) yield damageOf('layer', `layer ${digest}: ${failure}`, { records });
    else if (diffID && [...need.diffIDs].some((expected) => expected !== diffID)) {
      yield damageOf('layer', `layer ${digest} unpacks to ${diffID}, its config says ${[...need.diffIDs].join(', ')}`, {
        records,
      });
    }
  } catch (error) {
    if (hasCode(error, 'NotFound')) return; // removed meanwhile; told as missing where an image still names it
    signal?.throwIfAborted();
    yield damageOf('blob', `blob ${digest} can't be read: ${errorMessage(error)}`, { records, blob: digest });
  }
}

function wrongBlob(digest: Digest, actual: Digest, records: Damage['records']): Damage {
  return damageOf('blob', `blob ${digest} is damaged: its content is ${actual}`, { records, blob: digest });
}

async function digestOfStream(stream: ByteStream, like?: Digest): Promise<Digest> {
  const digester = createDigester(like && algorithmOf(like));
  for await (const chunk of stream) digester.update(chunk);
  return digester.digest();
}

/** Both hashes in one pass; where it does not decompress, the blob's own alone and the reason. */
async function hashLayer(
  content: ContentStore,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<{ actual: Digest; diffID?: Digest; failure?: string }> {
  const digester = createDigester(algorithmOf(digest));
  let readAll = false;
  async function* hashed(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of content.stream(digest)) {
      digester.update(chunk);
      yield chunk;
    }
    readAll = true;
  }
  try {
    const diffID = await digestOfStream(decompress(hashed(), signal ? { signal } : {}));
    return { actual: readAll ? digester.digest() : await digestOfStream(content.stream(digest), digest), diffID };
  } catch (error) {
    signal?.throwIfAborted();
    const actual = await digestOfStream(content.stream(digest), digest);
    // Where a program to decompress it is missing on this host, nothing is known about it.
    return hasCode(error, 'Unavailable') ? { actual } : { actual, failure: errorMessage(error) };
  }
}
