import type { Digest } from '../oci/index.ts';
import type { Image } from './image.ts';

/** One step of how an image came to be, newest last. */
export interface HistoryStep {
  readonly created?: Date;
  readonly createdBy: string;
  readonly author?: string;
  readonly comment?: string;
  /** The layer that the step made; absent where it changed metadata alone. */
  readonly layer?: {
    readonly diffID: Digest;
    readonly chainID: Digest;
    readonly blob: Digest;
    readonly size: number;
    readonly mediaType: string;
  };
}

/**
 * The config's history beside its layers. A config may say too little (no history at all, fewer steps than layers): layers without a step get
 * one of their own, so that no layer is ever hidden.
 */
export function historyOf({ manifest, config, chain }: Pick<Image, 'manifest' | 'config' | 'chain'>): HistoryStep[] {
  const diffIDs = config.rootfs.diff_ids;
  const layerAt = (index: number): NonNullable<HistoryStep['layer']> => {
    const descriptor = manifest.layers[index];
    if (!descriptor) throw new RangeError(`no layer ${index}`);
    return {
      diffID: diffIDs[index] as Digest,
      chainID: chain[index] as Digest,
      blob: descriptor.digest,
      size: descriptor.size,
      mediaType: descriptor.mediaType,
    };
  };
  const steps: HistoryStep[] = [];
  let next = 0;
  for (const { created, created_by, author, comment, empty_layer } of config.history ?? []) {
    const brings = !empty_layer && next < diffIDs.length;
    steps.push({
      createdBy: created_by ?? '',
      ...(created !== undefined && { created: new Date(created) }),
      ...(author !== undefined && { author }),
      ...(comment !== undefined && { comment }),
      ...(brings && { layer: layerAt(next) }),
    });
    if (brings) next += 1;
  }
  for (; next < diffIDs.length; next++) steps.push({ createdBy: '', layer: layerAt(next) });
  return steps;
}
