import type { Step } from '../measure.ts';

/** A program that does what containers need, under its own words. A verb that it has not is absent, and its bench skips it. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  /** Starts what it needs, with state of its own below `folder`. */
  start(folder: string): Promise<void>;
  stop(): Promise<void>;
  /** Processes whose work counts as the command's. */
  daemons(): readonly number[];
  pull?(image: string): Step;
  push?(image: string): Step;
  /** Makes an image of the tar of a root file system. */
  importTar?(file: string, image: string): Step;
  tag?(image: string, name: string): Step;
  /** Removes the image and all that it took. */
  remove?(image: string): Step;
  /** `run --rm` of a command without network. */
  run?(image: string, command: readonly string[]): Step;
  runDetached?(image: string, name: string, command: readonly string[]): Step;
  /** Runs a command in a container to its end and keeps it. */
  runKept?(image: string, name: string, command: readonly string[]): Step;
  exec?(name: string, command: readonly string[]): Step;
  removeContainer?(name: string): Step;
  commit?(name: string, image: string): Step;
  images?(): Step;
  save?(image: string, file: string): Step;
  load?(file: string): Step;
}
