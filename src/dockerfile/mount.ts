import { EngineError, nearest } from '../std/index.ts';

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARING = ['shared', 'private', 'locked'] as const;
const KEYS = [
  ...['type', 'from', 'source', 'src', 'target', 'dst', 'destination', 'readonly', 'ro', 'readwrite', 'rw'],
  ...['id', 'sharing', 'required', 'size', 'mode', 'uid', 'gid', 'env'],
];

/** Reference, "RUN --mount". */
export interface RunMount {
  readonly type: (typeof TYPES)[number];
  /** A stage, an image or a named context. */
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  readonly readonly: boolean;
  readonly id?: string;
  readonly sharing: (typeof SHARING)[number];
  readonly required: boolean;
  /** Bytes, of a tmpfs. */
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** The variable that a secret is put into. */
  readonly env?: string;
}

/** Reads `type=cache,target=/x,…`; values go through `expand`. Throws InvalidArgument. */
export function parseMount(text: string, expand: (value: string) => string = (value) => value): RunMount {
  const mount: { -readonly [key in keyof RunMount]: RunMount[key] } = {
    type: 'bind',
    readonly: false,
    sharing: 'shared',
    required: false,
  };
  let readonly: boolean | undefined;
  const given = new Set<string>();
  for (const field of splitCsv(text)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    if (!KEYS.includes(key)) throw unknown(`--mount has no option ${JSON.stringify(key)}`, key, KEYS);
    const written = equals < 0 ? undefined : field.slice(equals + 1);
    if (key === 'from' && written?.includes('$')) {
      throw problem('--mount: from takes no variables; name a stage with FROM … AS NAME and take it from there');
    }
    const value = written === undefined ? undefined : expand(written);
    given.add(key);
    switch (key) {
      case 'readonly':
      case 'ro':
        readonly = flag(key, value);
        continue;
      case 'readwrite':
      case 'rw':
        readonly = !flag(key, value);
        continue;
      case 'required':
        mount.required = flag(key, value);
        continue;
    }
    if (value === undefined) throw problem(`--mount: ${key} needs a value: ${key}=…`);
    switch (key) {
      case 'type':
        mount.type = oneOf(key, value, TYPES);
        break;
      case 'from':
      case 'id':
      case 'env':
        mount[key] = value;
        break;
      case 'source':
      case 'src':
        mount.source = value;
        break;
      case 'target':
      case 'dst':
      case 'destination':
        mount.target = value;
        break;
      case 'sharing':
        mount.sharing = oneOf(key, value, SHARING);
        break;
      case 'size':
        mount.size = bytes(value);
        break;
      case 'mode':
        mount.mode = number(key, value, 8);
        break;
      case 'uid':
      case 'gid':
        mount[key] = number(key, value, 10);
        break;
    }
  }
  mount.readonly = readonly ?? (mount.type !== 'cache' && mount.type !== 'tmpfs');
  requireFitting(mount, given);
  return mount;
}

/** What belongs to one type of mount alone. */
const ONLY: Readonly<Record<string, readonly RunMount['type'][]>> = {
  mode: ['secret', 'ssh', 'cache'],
  uid: ['secret', 'ssh', 'cache'],
  gid: ['secret', 'ssh', 'cache'],
  required: ['secret', 'ssh'],
  sharing: ['cache'],
  size: ['tmpfs'],
  env: ['secret'],
};

function requireFitting(mount: RunMount, given: ReadonlySet<string>): void {
  for (const key of given) {
    const types = ONLY[key];
    if (types && !types.includes(mount.type))
      throw problem(`--mount: ${key} is for ${types.join(', ')}, not for ${mount.type}`);
  }
  if (mount.type === 'secret') {
    if (mount.from !== undefined) throw problem('--mount: a secret comes from no stage; leave from out');
    if (mount.source !== undefined && mount.id !== undefined)
      throw problem('--mount: source and id of a secret are one thing; give one');
    if (mount.source === undefined && mount.id === undefined && mount.target === undefined) {
      throw problem('--mount: a secret needs an id or a target');
    }
  } else if (mount.target === undefined && mount.type !== 'ssh') {
    throw problem(`--mount: a mount of type ${mount.type} needs a target: target=/…`);
  }
}

/** RFC 4180: a field that starts with a quote ends with one, and doubles those within. */
function splitCsv(text: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= text.length; ) {
    if (text[at] !== '"') {
      const comma = text.indexOf(',', at);
      const end = comma < 0 ? text.length : comma;
      const field = text.slice(at, end);
      if (field.includes('"'))
        throw problem(`--mount: a quote stands at the beginning of a field, not within: ${field}`);
      fields.push(field);
      at = end + 1;
      continue;
    }
    let field = '';
    for (at++; ; at++) {
      if (at >= text.length) throw problem('--mount: a quote (") is not closed');
      if (text[at] !== '"') field += text[at];
      else if (text[at + 1] === '"') field += text[++at];
      else break;
    }
    if (at + 1 < text.length && text[at + 1] !== ',') throw problem('--mount: a comma has to follow a closing quote');
    fields.push(field);
    at += 2;
  }
  return fields;
}

function flag(key: string, value: string | undefined): boolean {
  if (value === undefined || /^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw problem(`--mount: ${key} is true or false, not ${JSON.stringify(value)}`);
}

function oneOf<Value extends string>(key: string, text: string, values: readonly Value[]): Value {
  const found = values.find((value) => value === text.toLowerCase());
  if (found === undefined) throw unknown(`--mount: ${JSON.stringify(text)} is no ${key}`, text, values);
  return found;
}

function number(key: string, text: string, radix: 8 | 10): number {
  const value = (radix === 8 ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, radix) : Number.NaN;
  if (!(value < 2 ** 32))
    throw problem(`--mount: ${key} is ${radix === 8 ? 'an octal' : 'a'} number, not ${JSON.stringify(text)}`);
  return value;
}

function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (!match) throw problem(`--mount: ${JSON.stringify(text)} is no size, such as 64m`);
  return Math.floor(Number(match[1]) * 1024 ** ' kmgtp'.indexOf((match[2] || ' ').toLowerCase()));
}

function unknown(message: string, word: string, values: readonly string[]): EngineError {
  const meant = nearest(word, values);
  return problem(`${message}; ${meant ? `did you mean ${meant}?` : `it may be one of ${values.join(', ')}`}`);
}

function problem(message: string): EngineError {
  return new EngineError('InvalidArgument', message);
}
