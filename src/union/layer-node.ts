import type { Attributes, InodeType } from './file-system.ts';

/** A whiteout hides that name of all layers below. */
export type LayerNodeType = InodeType | 'whiteout';

export interface LayerName {
  readonly name: string;
  readonly type: LayerNodeType;
}

/** One name as one layer has it, whatever the layer is made of. Directories know nothing of other layers. */
export interface LayerNode {
  readonly type: LayerNodeType;
  /** Which file system `ino` of {@link attributes} counts in: equal for layers that share one. */
  readonly device: string;
  readonly ino: number;
  /** A file whose bytes can't be read at once. */
  readonly remote: boolean;
  attributes(): Attributes;
  /** A directory that the layer only passes through: its metadata is that of the layer below. */
  readonly implied?: boolean;
  /** A symbolic link's text. */
  link(): string;
  /** Hides what lower layers have below it. */
  opaque(): boolean;
  child(name: string): LayerNode | undefined;
  names(): readonly LayerName[];
  xattr(name: string): Buffer | undefined;
  xattrNames(): readonly string[];
  /** A regular file's bytes. */
  open(): Content;
}

/** The bytes of an open file of a layer. */
export interface Content extends Disposable {
  readonly size: number;
  /** They can't be read at once. */
  readonly remote: boolean;
  /** A descriptor of exactly these bytes. */
  readonly fd: number | undefined;
  read(into: Uint8Array, position: number): number;
  readLater(into: Uint8Array, position: number): Promise<number>;
  /** Undefined past the last data. */
  seek(offset: number, whence: 'data' | 'hole'): number | undefined;
}
