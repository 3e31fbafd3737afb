/** What all volumes have. */
export interface MountedVolume {
  /** Where it is mounted while its snapshot can be written. */
  readonly mountpoint: string;
}

export interface ZfsVolume extends MountedVolume {
  readonly kind: 'zfs';
  readonly dataset: string;
}

export interface ThinVolume extends MountedVolume {
  readonly kind: 'thin';
  readonly pool: string;
  /** Its number in the pool. */
  readonly id: number;
}

/** A file system of a snapshot's own, outside its folder; `volume` in the folder names it from before it is made until it is gone. */
export type Volume = ZfsVolume | ThinVolume;
