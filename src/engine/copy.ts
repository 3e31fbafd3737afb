import type { Platform } from '../oci/index.ts';
import { EngineError, type Job, startJob } from '../std/index.ts';
import { type CopiedImage, copyImage, type TransferEvent, writeArchive } from '../transfer/index.ts';
import type { EngineOptions } from './options.ts';
import { Places, parsePlace } from './places.ts';

export interface CopyImageOptions {
  readonly platform?: Platform;
  readonly allPlatforms?: boolean;
  readonly signal?: AbortSignal;
}

/** Copies an image from one place to another, blob by blob and without keeping any of it here: see {@link parsePlace} for how places are named. */
export function copy(
  engineOptions: EngineOptions,
  from: string,
  to: string,
  options: CopyImageOptions = {},
): Job<TransferEvent, CopiedImage | undefined> {
  return startJob(async ({ signal, report: tell }) => {
    const target = parsePlace(to);
    const report = target.kind === 'registry' ? tell : (event: TransferEvent) => tell(asCopying(event));
    await using places = new Places(engineOptions, { signal });
    const source = await places.source(parsePlace(from));
    if (target.kind === 'archive') {
      if (options.allPlatforms)
        throw new EngineError(
          'NotImplemented',
          'an archive takes one platform of an index; copy all of them to oci:FOLDER',
        );
      await writeArchive(
        target.path,
        [{ references: target.reference === undefined ? [] : [target.reference], source }],
        { format: target.format, signal, report },
      );
      return undefined;
    }
    const { platform, allPlatforms } = options;
    return await copyImage(source, await places.sink(target), {
      signal,
      report,
      ...(platform && { platform }),
      ...(allPlatforms && { allPlatforms }),
    });
  }, options);
}

/** Into a folder or a file nothing is uploaded. */
function asCopying(event: TransferEvent): TransferEvent {
  return event.kind === 'progress' && event.activity === 'uploading' ? { ...event, activity: 'copying' } : event;
}
