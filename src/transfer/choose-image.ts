import {
  type Descriptor,
  formatPlatform,
  hostPlatform,
  type Index,
  isIndexType,
  type Platform,
  selectPlatform,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';

/** The image of an index that runs on `platform`, this host's where none is asked for. NotFound tells which there are. */
export function chooseImage(index: Index, platform: Platform | undefined, name: string): Descriptor {
  const wanted = platform ?? hostPlatform();
  const found = selectPlatform(index.manifests, wanted);
  if (found) return found;
  const single = index.manifests.filter(({ platform, mediaType }) => platform === undefined && !isIndexType(mediaType));
  if (!platform && index.manifests.length === 1 && single[0]) return single[0];
  const offered = index.manifests.flatMap(({ platform }) =>
    platform && platform.os !== 'unknown' ? [formatPlatform(platform)] : [],
  );
  throw new EngineError(
    'NotFound',
    `${name} has no image for ${formatPlatform(wanted)}; it has ${offered.join(', ') || 'none that names its platform'} (choose with --platform)`,
  );
}
