/** `value` as Go's `%v` prints it: lists `[a b]`, objects `map[k:v]` with sorted keys. */
export function goString(value: unknown): string {
  if (value === undefined || value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goString).join(' ')}]`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object') return String(value);
  const entries: [string, unknown][] = value instanceof Map ? [...value] : Object.entries(value);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${sorted.map(([key, each]) => `${key}:${goString(each)}`).join(' ')}]`;
}

/** JSON as docker's `json` function writes it: maps by sorted key, nothing escaped for HTML. */
export function goJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, each: unknown) =>
    each instanceof Map ? Object.fromEntries([...each].sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}

/** Go's fmt.Sprint: a blank between two neighbours of which neither is a string. */
export function goPrint(args: readonly unknown[]): string {
  return args
    .map(
      (arg, index) =>
        (index > 0 && typeof arg !== 'string' && typeof args[index - 1] !== 'string' ? ' ' : '') + goString(arg),
    )
    .join('');
}

/** Go's name of a value's type. */
export function goTypeOf(value: unknown): string {
  if (value === undefined || value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float64';
    default:
      return 'map[string]interface {}';
  }
}

const DIRECTIVE = /%([-+# 0]*)(\d+)?(?:\.(\d*))?(.)?/gsu;
const WIDEST = 4096;

/** Go's fmt.Sprintf with the verbs v d s q t x X o b c U e f g T and the flags `-+# 0`. */
export function goFormat(format: string, args: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(DIRECTIVE, (_, flags: string, width?: string, precision?: string, verb?: string) => {
    if (verb === '%') return '%';
    if (verb === undefined) return '%!(NOVERB)';
    if (next >= args.length) return `%!${verb}(MISSING)`;
    const value = args[next++];
    const digits = precision === undefined ? undefined : Math.min(Number(precision), WIDEST);
    const body = formatOne(verb, value, flags, digits) ?? `%!${verb}(${goTypeOf(value)}=${goString(value)})`;
    return padded(body, Math.min(Number(width ?? 0), WIDEST), flags, typeof value === 'number');
  });
  if (next >= args.length) return text;
  const extra = args.slice(next).map((value) => `${goTypeOf(value)}=${goString(value)}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function formatOne(verb: string, value: unknown, flags: string, digits: number | undefined): string | undefined {
  const sign = (text: string): string => (flags.includes('+') && !text.startsWith('-') ? `+${text}` : text);
  if (verb === 'T') return goTypeOf(value);
  if (verb === 'v') return typeof value === 'number' ? sign(goString(value)) : goString(value);
  if (verb === 't') return typeof value === 'boolean' ? String(value) : undefined;
  if (typeof value === 'string' || Array.isArray(value)) {
    const text = goString(value);
    if (verb === 's') return digits === undefined ? text : [...text].slice(0, digits).join('');
    if (verb === 'q') {
      return Array.isArray(value)
        ? `[${value.map((each) => JSON.stringify(goString(each))).join(' ')}]`
        : JSON.stringify(text);
    }
    if (verb === 'x' || verb === 'X') {
      const hex = Buffer.from(text).toString('hex');
      return verb === 'x' ? hex : hex.toUpperCase();
    }
    return undefined;
  }
  if (verb === 's' && typeof value === 'object') return goString(value);
  return typeof value === 'number' ? formatNumber(verb, value, digits, sign) : undefined;
}

function formatNumber(
  verb: string,
  value: number,
  digits: number | undefined,
  sign: (text: string) => string,
): string | undefined {
  if (Number.isInteger(value)) {
    switch (verb) {
      case 'd':
        return sign(String(value));
      case 'x':
        return sign(value.toString(16));
      case 'X':
        return sign(value.toString(16).toUpperCase());
      case 'o':
        return sign(value.toString(8));
      case 'b':
        return sign(value.toString(2));
      case 'c':
        return value >= 0 && value <= 0x10ffff ? String.fromCodePoint(value) : '\ufffd';
      case 'q':
        return `'${String.fromCodePoint(value)}'`;
      case 'U':
        return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`;
    }
  }
  const exponent = (text: string): string => text.replace(/e([+-])(\d)$/, 'e$10$2');
  switch (verb) {
    case 'f':
    case 'F':
      return sign(value.toFixed(Math.min(digits ?? 6, 100)));
    case 'e':
      return sign(exponent(value.toExponential(Math.min(digits ?? 6, 100))));
    case 'g':
      return sign(
        exponent(
          digits === undefined ? String(value) : String(Number(value.toPrecision(Math.max(Math.min(digits, 100), 1)))),
        ),
      );
    default:
      return undefined;
  }
}

function padded(text: string, width: number, flags: string, isNumber: boolean): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || !isNumber) return ' '.repeat(missing) + text;
  const signed = /^[+-]/.test(text) ? 1 : 0;
  return text.slice(0, signed) + '0'.repeat(missing) + text.slice(signed);
}
