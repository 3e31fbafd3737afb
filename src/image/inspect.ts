import type { Digest } from '../oci/index.ts';
import type { Store } from '../store/index.ts';
import { familiarName, repoDigests } from './find.ts';
import type { Image } from './image.ts';
import { imageSize } from './size.ts';

/** What `docker image inspect` prints, field by field (Engine API description, ImageInspect). */
export interface ImageInspection {
  readonly Id: Digest;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: '';
  readonly Comment: string;
  readonly Created: string;
  readonly Author: string;
  readonly Config: object;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  readonly Size: number;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly Digest[] };
  readonly Metadata: { readonly LastTagTime: string };
  readonly Descriptor: object;
}

/** What the store knows of an image, under docker's names. */
export async function inspectImage(store: Store, image: Image, driver: string): Promise<ImageInspection> {
  const { config } = image;
  const records = await store.images.list();
  const own = records.filter((record) => record.descriptor.digest === image.target.digest);
  const tagged = own.map(({ tagged }) => tagged?.getTime() ?? 0).reduce((a, b) => Math.max(a, b), 0);
  return {
    Id: image.id,
    RepoTags: own.map(familiarName).filter((name) => name !== undefined && !name.includes('@')) as string[],
    RepoDigests: repoDigests(own),
    Parent: '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '0001-01-01T00:00:00Z',
    Author: config.author ?? '',
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] !== undefined && { OsVersion: config['os.version'] }),
    Size: await imageSize(store, image),
    GraphDriver: { Name: driver, Data: null },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: tagged === 0 ? '0001-01-01T00:00:00Z' : new Date(tagged).toISOString() },
    Descriptor: image.target,
  };
}
