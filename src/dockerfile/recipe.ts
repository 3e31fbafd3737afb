import { EngineError } from '../std/index.ts';

/** What a copy may say beside its paths. */
export interface CopyOptions {
  /** A recipe, whose result is copied from, or the name of an image; the context where absent. */
  readonly from?: Recipe | string;
  /** `user:group`, names or numbers. */
  readonly chown?: string;
  /** Octal: `755`. */
  readonly chmod?: string;
  /** Does not depend on what is below it. */
  readonly link?: boolean;
  readonly exclude?: readonly string[];
}

export interface RunOptions {
  /** As `--mount` takes them: `type=cache,target=/root/.npm`. */
  readonly mounts?: readonly string[];
  readonly network?: 'default' | 'none' | 'host';
}

/** Begins an image on `base`: the name of one, another recipe, or `scratch`. */
export function image(base: Recipe | string): Recipe {
  return new Recipe(base, []);
}

/** A line of a Dockerfile, which may name other stages. */
type Line = (name: (recipe: Recipe) => string) => string;

/**
 * An image as it is to be built, made in code: each call gives a new recipe, so that several can go on from one. What is given is meant as it is:
 * no variable is replaced in it, and nothing needs quotes; sources of copies may be patterns.
 */
export class Recipe {
  readonly #base: Recipe | string;
  readonly #lines: readonly Line[];

  /** Use {@link image}. */
  constructor(base: Recipe | string, lines: readonly Line[]) {
    this.#base = base;
    this.#lines = lines;
  }

  copy(sources: string | readonly string[], destination: string, options: CopyOptions = {}): Recipe {
    const { from, chown, chmod, link = false, exclude = [] } = options;
    const paths = [...(typeof sources === 'string' ? [sources] : sources), destination].map(literal);
    const flags = (name: (recipe: Recipe) => string): string[] => [
      ...(from === undefined ? [] : [`--from=${typeof from === 'string' ? from : name(from)}`]),
      ...(chown === undefined ? [] : [`--chown=${flag(chown)}`]),
      ...(chmod === undefined ? [] : [`--chmod=${flag(chmod)}`]),
      ...(link ? ['--link'] : []),
      ...exclude.map((pattern) => `--exclude=${flag(pattern)}`),
    ];
    return this.#with((name) => ['COPY', ...flags(name), JSON.stringify(paths)].join(' '));
  }

  /** Runs a shell's line or lines, or a program with its arguments. */
  run(command: string | readonly string[], { mounts = [], network }: RunOptions = {}): Recipe {
    const args = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
    if (args.length === 0) throw new EngineError('InvalidArgument', 'run needs a command');
    const flags = [...mounts.map((mount) => `--mount=${flag(mount)}`), ...(network ? [`--network=${network}`] : [])];
    return this.#say(['RUN', ...flags, JSON.stringify(args)].join(' '));
  }

  env(values: Readonly<Record<string, string>>): Recipe {
    return this.#pairs('ENV', values);
  }

  label(values: Readonly<Record<string, string>>): Recipe {
    return this.#pairs('LABEL', values);
  }

  workdir(path: string): Recipe {
    return this.#say(`WORKDIR ${word(path)}`);
  }

  user(user: string): Recipe {
    return this.#say(`USER ${word(user)}`);
  }

  expose(...ports: readonly (number | string)[]): Recipe {
    return this.#say(`EXPOSE ${ports.map((port) => word(String(port))).join(' ')}`);
  }

  volume(...paths: readonly string[]): Recipe {
    return this.#say(`VOLUME ${JSON.stringify(paths.map(literal))}`);
  }

  entrypoint(...args: readonly string[]): Recipe {
    return this.#say(`ENTRYPOINT ${JSON.stringify(args)}`);
  }

  cmd(...args: readonly string[]): Recipe {
    return this.#say(`CMD ${JSON.stringify(args)}`);
  }

  stopSignal(signal: string): Recipe {
    return this.#say(`STOPSIGNAL ${word(signal)}`);
  }

  /** The recipe as a Dockerfile, with those that it stands on or copies from as stages above it. */
  toDockerfile(): string {
    const names = new Map<Recipe, string>();
    const stages: string[] = [];
    const name = (recipe: Recipe): string => {
      const known = names.get(recipe);
      if (known !== undefined) return known;
      const own = `stage-${names.size}`;
      names.set(recipe, own);
      const base = typeof recipe.#base === 'string' ? word(recipe.#base) : name(recipe.#base);
      const lines = recipe.#lines.map((line) => line(name));
      stages.push([`FROM ${base} AS ${own}`, ...lines].join('\n'));
      return own;
    };
    name(this);
    return `${stages.join('\n\n')}\n`;
  }

  #with(line: Line): Recipe {
    return new Recipe(this.#base, [...this.#lines, line]);
  }

  #say(line: string): Recipe {
    return this.#with(() => line);
  }

  #pairs(kind: 'ENV' | 'LABEL', values: Readonly<Record<string, string>>): Recipe {
    const pairs = Object.entries(values).map(([name, value]) => `${name}=${word(value)}`);
    return pairs.length === 0 ? this : this.#say(`${kind} ${pairs.join(' ')}`);
  }
}

/** Text that no variable is replaced in. */
function literal(text: string): string {
  return text.replaceAll(/[\\$'"]/g, '\\$&');
}

/** One word, whatever is in it but line feeds, which no instruction can hold. */
function word(text: string): string {
  if (/[\n\r]/.test(text))
    throw new EngineError('InvalidArgument', `${JSON.stringify(text)} has a line feed: no instruction can say that`);
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `"${text.replaceAll(/[\\$"]/g, '\\$&')}"`;
}

/** The value of a flag, whose backslashes go once when flags are split and once when it is expanded. */
function flag(text: string): string {
  return literal(text).replaceAll(/[\s\\'"]/g, '\\$&');
}
