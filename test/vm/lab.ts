import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../scripts/bundle.ts';
import { busyboxTar } from '../strata.ts';
import { type Machine, startMachine } from './machine.ts';

/** Inside the checkout, where the bundle finds its packages. */
const CACHE = join(import.meta.dirname, '../../.cache/vm');

/** A disk for machines, and what they find under the same names: the program as it stands now, and a tar of a small root file system. */
export class MachineLab implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'strata-vm-lab-'));
  readonly disk: string = join(this.folder, 'disk');
  readonly tar: string;
  readonly #program: string;

  private constructor() {
    mkdirSync(CACHE, { recursive: true });
    this.#program = mkdtempSync(join(CACHE, 'program-'));
    this.tar = busyboxTar(this.folder) ?? '';
    writeFileSync(this.disk, '');
    truncateSync(this.disk, 4 * 2 ** 30); // of holes
  }

  static async open(): Promise<MachineLab> {
    const lab = new MachineLab();
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' });
    const helpers = sources.filter((file) => /-(worker|helper)\.ts$/.test(file)).map((file) => join('src', file));
    await bundleProgram(lab.#program, helpers);
    return lab;
  }

  /** Words of shell that run the program in a machine, its state on the disk. */
  get strata(): string {
    return `node ${join(this.#program, 'strata.js')} --root /disk/state`;
  }

  boot(): Promise<Machine> {
    return startMachine({ disk: this.disk });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.#program, { recursive: true, force: true });
  }
}
