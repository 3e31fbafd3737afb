import {
  checkDockerfile,
  expand,
  formatDockerfile,
  parseDockerfile,
  parseIgnore,
  parseMount,
  platformArgs,
} from '../../src/dockerfile/index.ts';
import { EngineError } from '../../src/std/index.ts';
import { type Proof, randomNumbers } from './proof.ts';

/** Whatever a Dockerfile says: instructions or an EngineError, soon; and what is printed reads as what was read. */
export const dockerfileFuzz: Proof = {
  count: 1_000_000,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    let refused = 0;
    for (let round = 0; round < count; round++) {
      const input = text(random);
      const began = performance.now();
      try {
        feed(input);
      } catch (error) {
        if (!(error instanceof EngineError))
          throw new Error(`round ${round}: ${JSON.stringify(input)}`, { cause: error });
        refused++;
      }
      const took = performance.now() - began;
      // A slow round is tried once more: the machine may have been busy.
      if (took > SOON && again(input) > SOON)
        throw new Error(`round ${round} took ${took} ms: ${JSON.stringify(input)}`);
      if ((round + 1) % 100_000 === 0) log(`  ${round + 1} rounds, ${refused} refused`);
    }
  },
};

/** Milliseconds. */
const SOON = 50;
const PLATFORM = platformArgs({
  build: { os: 'linux', architecture: 'amd64' },
  target: { os: 'linux', architecture: 'amd64' },
});
const VARIABLES = new Map([
  ['a', 'value'],
  ['b', ''],
  ['path', '/usr/lib/x.tar.gz'],
]);

const PIECES = [
  ...['FROM ', 'RUN ', 'COPY ', 'ADD ', 'ENV ', 'ARG ', 'LABEL ', 'ONBUILD ', 'CMD ', 'SHELL ', 'EXPOSE ', 'VOLUME '],
  ...['HEALTHCHECK ', 'USER ', 'WORKDIR ', 'STOPSIGNAL ', 'MAINTAINER ', 'ENTRYPOINT ', 'run ', 'FORM '],
  ...['\n', '\n', '\n', ' ', '\t', '\r\n', '\\\n', '`\n', '# ', '# escape=`\n', '# syntax=x\n', '# check=skip=all\n'],
  ...['--', '--from=', '--mount=type=', '--chown=', '--link ', '--chmod=', '--interval=', '--platform=', '=', ','],
  ...[
    '"',
    "'",
    '\\',
    '`',
    '$',
    '${',
    '}',
    ':-',
    ':+',
    '?',
    '#',
    '##',
    '%',
    '%%',
    '/',
    '//',
    '*',
    '**',
    '[',
    ']',
    '^',
    '!',
  ],
  ...[
    '<<EOF',
    '<<-EOF',
    '<<"EOF"',
    'EOF\n',
    '\tEOF\n',
    'a',
    'b',
    'path',
    'scratch',
    'AS x',
    '80/tcp',
    '1m30s',
    '{"',
    '["',
  ],
  ...[
    '["a", "b"]',
    'é',
    '\u00a0',
    '\u0085',
    '\ufeff',
    '\ud800',
    '\0',
    '9'.repeat(30),
    'cache',
    ',target=/x',
    'NONE',
    'CMD',
  ],
];

/** One line of each kind, to be changed in a few places. */
const SAMPLES = [
  'RUN --mount=type=cache,target=/x --network=none echo "a b" && true',
  'RUN <<EOF\na\nEOF',
  'COPY --from=x --chown=1:2 --exclude=*.md a b/ /c/',
  'COPY ["a b", "/c"]',
  'COPY <<-"E F" <<G /x/\n\ta\n\tE F\nb\nG',
  'ENV a=b c="d e" f=\\ g',
  'ENV a b c',
  'ARG a=$b d',
  'HEALTHCHECK --interval=30s --retries=3 CMD ["a", "b"]',
  'ONBUILD ADD --checksum=sha256:0 http://a/b /c',
  'EXPOSE 80/tcp $a',
  'VOLUME ["/a", "/b"]',
  'CMD ["a"]',
  'SHELL ["/bin/sh", "-c"]',
  'WORKDIR $path/x',
  'LABEL a=b \\\n  # c\n  c=d',
];

function text(random: () => number): string {
  const piece = (): string => {
    const chosen = PIECES[Math.floor(random() * PIECES.length)] as string;
    return random() < 0.02 ? chosen.repeat(1 + Math.floor(random() * 200)) : chosen;
  };
  let text = random() < 0.9 ? 'FROM scratch\n' : '';
  if (random() < 0.5) {
    for (let left = 1 + Math.floor(random() * 16); left > 0; left--) text += piece();
    return text;
  }
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    const sample = SAMPLES[Math.floor(random() * SAMPLES.length)] as string;
    const at = Math.floor(random() * sample.length);
    text += `${sample.slice(0, at)}${random() < 0.7 ? piece() : ''}${sample.slice(at + (random() < 0.2 ? 1 : 0))}\n`;
  }
  return text;
}

function feed(input: string): void {
  for (const parse of [
    () => parseIgnore(input).test('a/b/x.tar.gz'),
    () => parseMount(input),
    () => expand(input, VARIABLES),
  ]) {
    try {
      parse();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }
  const dockerfile = parseDockerfile(input);
  checkDockerfile(dockerfile, { platform: PLATFORM });
  const printed = formatDockerfile(dockerfile);
  const again = parseDockerfile(printed);
  if (shape(again.instructions) !== shape(dockerfile.instructions))
    throw new Error(`printed as ${JSON.stringify(printed)}`);
}

/** Without places. */
function shape(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => (key === 'source' ? undefined : part));
}

function again(input: string): number {
  const began = performance.now();
  try {
    feed(input);
  } catch {
    // what it answers was looked at before
  }
  return performance.now() - began;
}
