import { EngineError } from '../std/index.ts';

/** What should be a `Shape`, its fields not looked at yet. */
export type Unchecked<Shape> = { readonly [Key in keyof Shape]?: unknown };

/** Checks of a parsed document's shape; `where` names the place: `manifest: layers[2].size`. */
export function requireObject<Shape>(value: unknown, where: string): Unchecked<Shape> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'an object', value);
  return value as Unchecked<Shape>;
}

export function requireArray(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(where, 'an array', value);
  return value;
}

export function requireString(value: unknown, where: string): string {
  if (typeof value !== 'string') throw wrong(where, 'a string', value);
  return value;
}

/** Bytes, nanoseconds or a count. */
export function requireCount(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(where, 'a whole number from 0 on', value);
  }
  return value;
}

/** Runs `check` where there is something to check; Go writes null for what is absent. */
export function whenPresent(value: unknown, where: string, check: (value: unknown, where: string) => unknown): void {
  if (value !== undefined && value !== null) check(value, where);
}

export function checkStrings(value: unknown, where: string): void {
  for (const [index, item] of requireArray(value, where).entries()) requireString(item, `${where}[${index}]`);
}

export function checkStringMap(value: unknown, where: string): void {
  for (const [key, item] of Object.entries(requireObject<Record<string, string>>(value, where)))
    requireString(item, `${where}[${JSON.stringify(key)}]`);
}

export function checkBoolean(value: unknown, where: string): void {
  if (typeof value !== 'boolean') throw wrong(where, 'true or false', value);
}

export function wrong(where: string, expected: string, value: unknown): EngineError {
  const shown = value === undefined ? 'nothing' : JSON.stringify(value);
  return new EngineError(
    'InvalidArgument',
    `${where} must be ${expected}, not ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`,
  );
}
