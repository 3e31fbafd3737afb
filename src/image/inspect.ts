import type { Digest, ImageConfig } from '../oci/index.ts';
import type { Store } from '../store/index.ts';
import { familiarName, repoDigests } from './find.ts';
import type { Image } from './image.ts';
import { imageSize } from './size.ts';

/** What an image's config says, as docker's inspections name it. */
export interface ConfigInspection {
  readonly Parent: '';
  readonly Comment: string;
  readonly Created: string;
  readonly Author: string;
  readonly Config: object;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly Digest[] };
}

/** What `docker image inspect` prints, field by field (Engine API description, ImageInspect). */
export interface ImageInspection extends ConfigInspection {
  readonly Id: Digest;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Size: number;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
  readonly Metadata: { readonly LastTagTime: string };
  readonly Descriptor: object;
}

/** The fields that docker prints whether or not an image sets them: templates may ask for each. */
const ALWAYS_PRINTED = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

export function inspectConfig(config: ImageConfig): ConfigInspection {
  return {
    Parent: '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '0001-01-01T00:00:00Z',
    Author: config.author ?? '',
    Config: { ...ALWAYS_PRINTED, ...config.config },
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] !== undefined && { OsVersion: config['os.version'] }),
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
  };
}

/** What the store knows of an image, under docker's names. */
export async function inspectImage(store: Store, image: Image, driver: string): Promise<ImageInspection> {
  const records = await store.images.list();
  const own = records.filter((record) => record.descriptor.digest === image.target.digest);
  const tagged = own.map(({ tagged }) => tagged?.getTime() ?? 0).reduce((a, b) => Math.max(a, b), 0);
  return {
    Id: image.id,
    RepoTags: own.map(familiarName).filter((name) => name !== undefined && !name.includes('@')) as string[],
    RepoDigests: repoDigests(own),
    ...inspectConfig(image.config),
    Size: await imageSize(store, image),
    GraphDriver: { Name: driver, Data: null },
    Metadata: { LastTagTime: tagged === 0 ? '0001-01-01T00:00:00Z' : new Date(tagged).toISOString() },
    Descriptor: image.target,
  };
}
