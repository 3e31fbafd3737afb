import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyboxTar, ENTRY } from '../strata.ts';
import { type Machine, startMachine } from './machine.ts';

const BUNDLE = join(import.meta.dirname, '../../dist/bin/strata.js');

/** A disk for machines, and a tar of a small root file system that they find under the same name. */
export class MachineLab implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'strata-vm-lab-'));
  readonly disk: string = join(this.folder, 'disk');
  /** Words of shell that run the program in a machine, its state on the disk. */
  readonly strata: string = `node ${existsSync(BUNDLE) ? BUNDLE : ENTRY} --root /disk/state`;
  readonly tar: string;

  constructor() {
    const tar = busyboxTar(this.folder);
    if (tar === undefined) throw new Error('no busybox here: apt-get install busybox-static');
    this.tar = tar;
    this.clearDisk();
  }

  /** Gives the next machine a new disk. */
  clearDisk(): void {
    writeFileSync(this.disk, '');
    truncateSync(this.disk, 4 * 2 ** 30); // of holes
  }

  boot(): Promise<Machine> {
    return startMachine({ disk: this.disk });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
