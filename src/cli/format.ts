import { EngineError } from '../std/index.ts';
import { alignTabs } from './table.ts';
import { executeTemplate, parseTemplate } from './template.ts';

/** One field of a row: its head in tables and its value, text as docker has it or data for `json`. */
export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row) => unknown;
}

/** What a list can show, keyed by the field's name in templates: `ID`, `Repository`. */
export type Columns<Row> = Readonly<Record<string, Column<Row>>>;

export interface RowsFormat {
  /** The fields of the table that is shown without `--format`, in order. */
  readonly table: readonly string[];
  /** `--format`: `json`, `table`, `table TEMPLATE` or a template. */
  readonly format?: string | undefined;
  /** `-q`: this field alone, one a line. */
  readonly quiet?: string | undefined;
  /** False leaves the heads out. */
  readonly heads?: boolean;
}

/** A list as `docker images` and its like print one; without the last line break, empty where there is nothing to say. */
export function formatRows<Row>(rows: Iterable<Row>, columns: Columns<Row>, how: RowsFormat): string {
  const format = how.format?.trim() ?? '';
  if (how.quiet !== undefined && (format === '' || format === 'table'))
    return lines(rows, valueFor(columns, how.quiet));
  if (format === '' || format === 'table') return plainTable(rows, columns, how);
  if (format === 'json') return lines(rows, (row) => escapeHtml(JSON.stringify(fieldsOf(row, columns))));

  const isTable = format.startsWith('table');
  const text = unescaped(isTable ? format.slice('table'.length).trim() : format);
  const template = parseTemplate(text);
  const typeName = 'row';
  const body = lines(rows, (row) => executeTemplate(template, gettersOf(row, columns), { typeName }));
  if (!isTable) return body;
  const heads = Object.fromEntries(Object.entries(columns).map(([name, { header }]) => [name, header]));
  const head = executeTemplate(template, heads, { heads: true, typeName });
  return alignTabs(body === '' ? head : `${head}\n${body}`);
}

/** What `inspect` prints of several objects: indented JSON, `json` on one line, or a template for each, one a line. */
export function formatObjects(values: readonly unknown[], format: string | undefined): string {
  if (format === undefined || format === '') return JSON.stringify(values, undefined, 4);
  return format === 'json' ? JSON.stringify(values) : values.map((value) => formatObject(value, format)).join('\n');
}

/** One object: `json`, or a template over an object with the keys of its JSON. */
export function formatObject(value: unknown, format: string): string {
  if (format === 'json') return JSON.stringify(value);
  return executeTemplate(parseTemplate(format), value);
}

function plainTable<Row>(rows: Iterable<Row>, columns: Columns<Row>, how: RowsFormat): string {
  const shown = how.table.map((name) => columnNamed(columns, name));
  const head = shown.map(({ header }) => header).join('\t');
  const body = lines(rows, (row) => shown.map(({ value }) => cell(value(row))).join('\t'));
  const text = how.heads === false ? body : body === '' ? head : `${head}\n${body}`;
  return alignTabs(text);
}

/** A cell's text; a tab or line break in a name must not make further cells. */
function cell(value: unknown): string {
  return String(value ?? '').replace(/[\t\n\v\f\r]+/g, ' ');
}

function lines<Row>(rows: Iterable<Row>, lineOf: (row: Row) => string): string {
  return Array.from(rows, lineOf).join('\n');
}

function valueFor<Row>(columns: Columns<Row>, name: string): (row: Row) => string {
  const column = columnNamed(columns, name);
  return (row) => String(column.value(row) ?? '');
}

function columnNamed<Row>(columns: Columns<Row>, name: string): Column<Row> {
  const column = columns[name];
  if (!column) throw new EngineError('Internal', `no column ${name}`);
  return column;
}

/** All fields, sorted as Go's maps are in JSON. */
function fieldsOf<Row>(row: Row, columns: Columns<Row>): Record<string, unknown> {
  const names = Object.keys(columns).sort();
  return Object.fromEntries(names.map((name) => [name, columns[name]?.value(row)]));
}

/** Go's JSON writes what HTML reads as markup in escapes; `<none>` looks the same everywhere. */
function escapeHtml(json: string): string {
  return json.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

/** The row as templates see it: each field is computed when it is named. */
function gettersOf<Row>(row: Row, columns: Columns<Row>): object {
  const fields = {};
  for (const name of Object.keys(columns).sort()) {
    Object.defineProperty(fields, name, { enumerable: true, get: () => columns[name]?.value(row) });
  }
  return fields;
}

/** In list formats docker reads `\t` and `\n` as what they mean, inside and outside of actions. */
function unescaped(format: string): string {
  return format.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}
