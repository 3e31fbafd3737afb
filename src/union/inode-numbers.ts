/** Numbers of one file system stay together; those that need more bits are dealt one by one. */
const SPAN = 2 ** 44;
const SPANS = 2 ** 53 / SPAN - 1;

/** One number for every file of layers that lie on several file systems: as on the layer itself where all lie on one. */
export class InodeNumbers {
  readonly #devices = new Map<string, number>();
  readonly #odd = new Map<string, number>();
  /** Files of the writable layer that were copied up keep the number that they had. */
  readonly #kept = new Map<number, number>();

  numberOf(device: string, ino: number): number {
    const number = this.#place(device, ino);
    return this.#kept.get(number) ?? number;
  }

  /** The file that is `ino` of `device` now is shown as `number`, as before. */
  keep(device: string, ino: number, number: number): void {
    this.#kept.set(this.#place(device, ino), number);
  }

  /** The file is gone: its file system may give its number to another. */
  drop(device: string, ino: number): void {
    if (this.#kept.size > 0) this.#kept.delete(this.#place(device, ino));
  }

  #place(device: string, ino: number): number {
    let span = this.#devices.get(device);
    if (span === undefined) {
      span = this.#devices.size;
      this.#devices.set(device, span);
    }
    if (ino < SPAN && span < SPANS) return span * SPAN + ino;
    const key = `${device}:${ino}`;
    let number = this.#odd.get(key);
    if (number === undefined) {
      number = SPANS * SPAN + this.#odd.size;
      this.#odd.set(key, number);
    }
    return number;
  }
}
