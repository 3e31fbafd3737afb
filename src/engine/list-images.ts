import { type Image, imageSize, readRecord } from '../image/index.ts';
import { type Digest, familiarName, parseReference } from '../oci/index.ts';
import type { ImageRecord } from '../store/index.ts';
import type { Engine } from './engine.ts';

/** One name of an image, as `docker images` lists them. */
export interface ListedImage {
  /** `debian`, `127.0.0.1:5000/app`; undefined for a dangling image. */
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: Digest;
  readonly record: ImageRecord;
  readonly image: Image;
  /** Bytes of its layers, uncompressed. */
  readonly size: number;
}

/** Every name of every image, newest first. Images that cannot be read are left out: `strata fsck` names them. */
export async function listImages({ store }: Engine): Promise<ListedImage[]> {
  const listed: ListedImage[] = [];
  for (const record of await store.images.list()) {
    const image = await readRecord(store.content, record).catch(() => undefined);
    if (!image) continue;
    const reference = record.name === undefined ? undefined : parseReference(record.name);
    const source = record.source === undefined ? undefined : parseReference(record.source).digest;
    listed.push({
      record,
      image,
      size: await imageSize(store, image),
      ...(reference && { repository: familiarName(reference) }),
      ...(reference?.tag !== undefined && { tag: reference.tag }),
      ...(source && { digest: source }),
    });
  }
  return listed.sort((a, b) => createdAt(b.image) - createdAt(a.image));
}

/** When an image was made, in milliseconds since 1970; 0 where its config does not say. */
export function createdAt({ config }: Image): number {
  return config.created === undefined ? 0 : Date.parse(config.created) || 0;
}
