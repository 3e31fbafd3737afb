import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerfileError } from './error.ts';
import { formatDockerfile } from './format.ts';
import { heredocText } from './heredoc.ts';
import type { Dockerfile, Instruction } from './instruction.ts';
import { parseDockerfile, parseTrigger } from './parse.ts';
import { findStage, stagesOf } from './stages.ts';

const read = (text: string): readonly Instruction[] => parseDockerfile(text).instructions;
/** The instruction of a kind; some kinds share a type. */
type Of<Kind> = Instruction extends infer One
  ? One extends { kind: infer Kinds }
    ? Kind extends Kinds
      ? One
      : never
    : never
  : never;
const second = <Kind extends Instruction['kind']>(kind: Kind, line: string): Of<Kind> => {
  const instruction = read(`FROM scratch\n${line}\n`)[1];
  assert.equal(instruction?.kind, kind);
  return instruction as Of<Kind>;
};
const refused = (text: string): DockerfileError => {
  try {
    parseDockerfile(text);
  } catch (error) {
    assert.ok(error instanceof DockerfileError);
    return error;
  }
  throw new assert.AssertionError({ message: `read: ${text}` });
};
/** What is left without places. */
const shape = ({ instructions }: Dockerfile): unknown =>
  JSON.parse(JSON.stringify(instructions, (key, value: unknown) => (key === 'source' ? undefined : value)));

test('directives stand above everything else, and end at the first line that is none', () => {
  const { directives, escapeCharacter } = parseDockerfile(
    '# syntax = docker/dockerfile:1 \n#escape=`\nFROM x\nRUN a `\n b\n',
  );
  assert.deepEqual(
    directives.map(({ name, value }) => [name, value]),
    [
      ['syntax', 'docker/dockerfile:1'],
      ['escape', '`'],
    ],
  );
  assert.equal(escapeCharacter, '`');
  assert.equal(parseDockerfile('# a comment\n# escape=`\nFROM x\n').escapeCharacter, '\\');
  assert.match(refused('# escape=x\nFROM x').message, /^Dockerfile:1:1: the escape character/);
  assert.match(refused('# escape=\\\n# escape=`\nFROM x').message, /^Dockerfile:2:1: .*twice/);
});

test('a continued line leaves out comments and empty lines, and keeps what stands before the rest', () => {
  const { command, source } = second('RUN', 'RUN a && \\\n  # comment\n\n   b \\  \n c');
  assert.deepEqual(command, { form: 'shell', text: 'a &&    b  c', heredocs: [] });
  assert.deepEqual([source.line, source.endLine, source.emptyContinuation], [2, 6, true]);
  assert.deepEqual(second('RUN', 'RUN a \\\\').command, { form: 'shell', text: 'a \\\\', heredocs: [] });
});

test('heredocs are read by the word that opens them', () => {
  const run = second('RUN', 'RUN <<EOF cat <<-"B C" > /x\nfirst\n  EOF\nEOF\n\tsecond\n\tB C').command;
  assert.ok(run.form === 'shell');
  assert.equal(run.text, '<<EOF cat <<-"B C" > /x');
  assert.deepEqual(
    run.heredocs.map(({ name, content, expand, chomp }) => ({ name, content, expand, chomp })),
    [
      { name: 'EOF', content: 'first\n  EOF\n', expand: true, chomp: false },
      { name: 'B C', content: '\tsecond\n', expand: false, chomp: true },
    ],
  );
  assert.equal(heredocText(run.heredocs[1] as never), 'second\n');
  const copy = second('COPY', "COPY <<a plain <<'b' /to/\nA\na\nB\nb");
  assert.deepEqual(
    copy.sources.map((source) => ('path' in source ? source.path : [source.heredoc.name, source.heredoc.content])),
    [['a', 'A\n'], 'plain', ['b', 'B\n']],
  );
  assert.match(refused('FROM x\nRUN <<EOF\na\n').message, /not closed/);
  for (const plain of ['RUN cat "<<EOF"', 'RUN a << EOF', 'RUN a <<<EOF', 'RUN echo $((1<<3))', 'CMD a <<EOF']) {
    assert.equal(read(`FROM x\n${plain}\n`).length, 2, plain);
  }
});

test('every flag is read, and one that is not known is told with the nearest', () => {
  const copy = second('COPY', 'COPY --from=a --chown=1:2 --chmod=755 --link --parents --exclude=a --exclude=b x y');
  assert.deepEqual(
    [copy.from, copy.chown, copy.chmod, copy.link, copy.parents, copy.exclude],
    ['a', '1:2', '755', true, true, ['a', 'b']],
  );
  const add = second('ADD', 'ADD --checksum=sha256:0 --keep-git-dir=true --link=false --unpack=false "a b" y');
  assert.deepEqual([add.checksum, add.keepGitDir, add.link, add.unpack], ['sha256:0', true, false, false]);
  const run = second(
    'RUN',
    'RUN --mount=type=tmpfs,target=/a --mount=type=cache,target=/b --network=none --security=insecure x',
  );
  assert.deepEqual(run.mounts, ['type=tmpfs,target=/a', 'type=cache,target=/b']);
  assert.deepEqual([run.network, run.security], ['none', 'insecure']);
  assert.match(
    refused('FROM x\nCOPY --form=a b c\n').message,
    /^Dockerfile:2:6: COPY has no flag --form; did you mean --from\?/,
  );
  assert.match(refused('FROM x\nCOPY --chown=a --chown=b c d\n').message, /given twice/);
  assert.match(refused('FROM x\nUSER --a b\n').message, /USER has no flags/);
  assert.match(refused('FROM x\nCOPY --link=maybe a b\n').message, /true or false/);
});

test('exec form is a JSON array, and what is none is a shell line', () => {
  assert.deepEqual(second('CMD', 'CMD ["a", "b\\u0020c"]').command, { form: 'exec', args: ['a', 'b c'] });
  assert.deepEqual(second('CMD', "CMD ['a']").command, { form: 'shell', text: "['a']", heredocs: [] });
  assert.match(refused('FROM x\nCMD ["a", 1]\n').message, /strings only/);
  assert.match(refused('FROM x\nSHELL a\n').message, /JSON array/);
});

test('ENV takes pairs with quotes kept, or the old form whose value is the rest', () => {
  assert.deepEqual(second('ENV', 'ENV a=1 b="x y" c=x\\ y').assignments, [
    { name: 'a', value: '1' },
    { name: 'b', value: '"x y"' },
    { name: 'c', value: 'x\\ y' },
  ]);
  const old = second('ENV', 'ENV a  b=c  d ');
  assert.deepEqual([old.legacy, old.assignments], [true, [{ name: 'a', value: 'b=c  d' }]]);
  assert.match(refused('FROM x\nENV a\n').message, /needs a value/);
  assert.match(refused('FROM x\nENV a=b c\n').message, /^Dockerfile:2:9: .*has no "="/);
});

test('a health check holds nanoseconds', () => {
  const { command, interval, timeout, retries } = second(
    'HEALTHCHECK',
    'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD a b',
  );
  assert.deepEqual([interval, timeout, retries], [90e9, 5e8, 3]);
  assert.deepEqual(command, { form: 'shell', text: 'a b', heredocs: [] });
  assert.equal(second('HEALTHCHECK', 'HEALTHCHECK none').command, undefined);
  assert.match(refused('FROM x\nHEALTHCHECK --interval=10 CMD a\n').message, /no duration/);
  assert.match(refused('FROM x\nHEALTHCHECK --interval=1us CMD a\n').message, /at least 1ms/);
});

test('ONBUILD keeps its trigger as it was written, and the trigger reads on its own', () => {
  const onbuild = second('ONBUILD', 'ONBUILD RUN <<E  sh\na\nE');
  assert.equal(onbuild.expression, 'RUN <<E  sh\na\nE');
  const trigger = parseTrigger(onbuild.expression);
  assert.ok(trigger.kind === 'RUN' && trigger.command.form === 'shell');
  assert.equal(trigger.command.heredocs[0]?.content, 'a\n');
  for (const kind of ['ONBUILD RUN a', 'FROM x', 'MAINTAINER y'])
    assert.match(refused(`FROM x\nONBUILD ${kind}`).message, /triggered/);
});

test('an error shows its line with a caret below the word', () => {
  const error = refused('FROM x\nRUN a\n  FORM y\n');
  assert.deepEqual([error.line, error.column, error.text], [3, 3, '  FORM y']);
  assert.equal(error.message, 'Dockerfile:3:3: unknown instruction: FORM (did you mean FROM?)\n    FORM y\n    ^');
  const continued = refused('FROM x\nENV a=1 \\\n    b\n');
  assert.deepEqual([continued.line, continued.column], [3, 5]);
  assert.doesNotMatch(refused('FROM x\n\u001b[31mFOO\n').message, /\p{Cc}(?<!\n)/u);
});

test('FROM comes first, after ARG at most', () => {
  assert.match(refused('ARG a\nRUN x\nFROM y\n').message, /^Dockerfile:2:1: no build stage yet/);
  assert.match(refused('# nothing\n').message, /no instructions/);
  assert.match(refused('ARG a\n').message, /no FROM/);
  assert.match(refused('FROM a b\n').message, /FROM takes/);
  assert.match(refused('FROM a AS 1b\n').message, /no name for a stage/);
});

test('stages are found by name without case, the last above, and by number', () => {
  const { globals, stages } = stagesOf(
    parseDockerfile('ARG v\nFROM a AS One\nRUN x\nFROM one AS two\nFROM b AS one\n'),
  );
  assert.equal(globals.length, 1);
  assert.deepEqual(
    stages.map(({ index, name, instructions }) => [index, name, instructions.length]),
    [
      [0, 'one', 1],
      [1, 'two', 0],
      [2, 'one', 0],
    ],
  );
  assert.equal(findStage(stages, 'ONE', { before: 2 })?.index, 0);
  assert.equal(findStage(stages, 'one')?.index, 2);
  assert.equal(findStage(stages, '1', { numbers: true })?.index, 1);
  assert.equal(findStage(stages, '1'), undefined);
  assert.equal(findStage(stages, '2', { before: 2, numbers: true }), undefined);
});

test('what is printed reads as what was read', () => {
  const text = `# escape=\`
ARG v=1
FROM --platform=$BUILDPLATFORM debian:$v AS base
RUN --mount=type=cache,target=/c --network=none <<EOF
 a
EOF
COPY --from=x --chown="a b" ["a b", "/c"]
COPY <<-E /x
	y
	E
ADD --checksum=sha256:1 --unpack http://a /b
ENV a="b c" d=e\\
ENV old  form  of it
HEALTHCHECK --interval=1m30s --start-interval=1500ms --retries=2 CMD ["x"]
VOLUME /a /b
EXPOSE 80/tcp 90
ONBUILD  COPY  . .
SHELL ["a"]
MAINTAINER me
`;
  const parsed = parseDockerfile(text);
  const printed = formatDockerfile(parsed);
  assert.deepEqual(shape(parseDockerfile(printed)), shape(parsed));
  assert.equal(formatDockerfile(parseDockerfile(printed)), printed);
});
