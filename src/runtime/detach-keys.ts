import { EngineError } from '../std/index.ts';

/** Finds the detach keys in what is typed. What may yet become them is held back until it does not. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  /** Docker's notation: keys separated by commas, `a`, `ctrl-a`, `ctrl-@`, `ctrl-[`. Empty for none. */
  constructor(text: string) {
    this.#keys = Buffer.from(text === '' ? [] : text.split(',').map(codeOf));
  }

  take(chunk: Uint8Array): { readonly pass: Buffer; readonly detach: boolean } {
    const keys = this.#keys;
    if (keys.length === 0) return { pass: Buffer.from(chunk), detach: false };
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte !== keys[this.#matched]) {
        pass.push(...keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === keys.length) return { pass: Buffer.from(pass), detach: true };
      } else pass.push(byte);
    }
    return { pass: Buffer.from(pass), detach: false };
  }
}

function codeOf(key: string): number {
  if (key.length === 1) return key.charCodeAt(0);
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  if (control === undefined)
    throw new EngineError(
      'InvalidArgument',
      `invalid detach key ${JSON.stringify(key)}: a letter, or ctrl- and one of a-z@[\\]^_`,
    );
  return control.toUpperCase().charCodeAt(0) & 0x1f;
}
