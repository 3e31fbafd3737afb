import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** A statement by its text. */
export type Statements = (text: string) => StatementSync;

/** Each statement is prepared once, when it is first used: that keeps the start short. */
export function statements(database: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>();
  return (text) => {
    let found = prepared.get(text);
    if (!found) {
      found = database.prepare(text);
      prepared.set(text, found);
    }
    return found;
  };
}
