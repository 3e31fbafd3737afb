import { type Finding, findingOf } from './check-rules.ts';
import type { Dockerfile, Instruction } from './instruction.ts';
import { stagesOf } from './stages.ts';

const RESERVED: ReadonlySet<string> = new Set(['context', 'scratch']);
const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const NO_SECRET = /(?:_|^)public(?:_|$)/i;

/** Checks of how the file is written, which need no variable. */
export function* checkFile(dockerfile: Dockerfile): Generator<Finding> {
  yield* checkCasing(dockerfile.instructions);
  yield* checkStageNames(dockerfile);
  for (const instruction of dockerfile.instructions) {
    if (instruction.source.emptyContinuation) {
      yield findingOf('NoEmptyContinuation', 'Empty continuation line', instruction.source.endLine);
    }
    yield* checkInstruction(instruction);
    yield* checkDescription(instruction);
  }
}

function* checkCasing(instructions: readonly Instruction[]): Generator<Finding> {
  const keywords = instructions.map(({ source }) => source.keyword);
  const lower = keywords.filter((keyword) => keyword === keyword.toLowerCase()).length;
  const upper = keywords.filter((keyword) => keyword === keyword.toUpperCase()).length;
  const [right, name] =
    lower > upper ? (['toLowerCase', 'lowercase'] as const) : (['toUpperCase', 'uppercase'] as const);
  for (const { source } of instructions) {
    if (source.keyword === source.keyword[right]()) continue;
    const message = `Command '${source.keyword}' should match the case of the command majority (${name})`;
    yield findingOf('ConsistentInstructionCasing', message, source.line);
  }
}

function* checkStageNames(dockerfile: Dockerfile): Generator<Finding> {
  const seen = new Set<string>();
  for (const { from, name } of stagesOf(dockerfile).stages) {
    const { as, source } = from;
    if (name === undefined || as === undefined) continue;
    const { line, keyword } = source;
    if (as.name !== name) yield findingOf('StageNameCasing', `Stage name '${as.name}' should be lowercase`, line);
    if ((as.keyword === as.keyword.toLowerCase()) !== (keyword === keyword.toLowerCase())) {
      yield findingOf('FromAsCasing', `'${as.keyword}' and '${keyword}' keywords' casing do not match`, line);
    }
    if (RESERVED.has(name)) {
      const message = `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`;
      yield findingOf('ReservedStageName', message, line);
    }
    if (seen.has(name)) {
      const message = `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`;
      yield findingOf('DuplicateStageName', message, line);
    }
    seen.add(name);
  }
}

function* checkInstruction(instruction: Instruction): Generator<Finding> {
  const { kind, source } = instruction;
  switch (kind) {
    case 'MAINTAINER':
      yield findingOf(
        'MaintainerDeprecated',
        'Maintainer instruction is deprecated in favor of using label',
        source.line,
      );
      return;
    case 'ENV':
    case 'LABEL':
      if (instruction.legacy) {
        const message = `"${kind} key=value" should be used instead of legacy "${kind} key value" format`;
        yield findingOf('LegacyKeyValueFormat', message, source.line);
      }
      if (kind === 'ENV') yield* checkSecrets('ENV', instruction.assignments, source.line);
      return;
    case 'ARG':
      yield* checkSecrets('ARG', instruction.args, source.line);
      return;
  }
}

function* checkSecrets(
  kind: 'ARG' | 'ENV',
  named: readonly { readonly name: string }[],
  line: number,
): Generator<Finding> {
  for (const { name } of named) {
    if (!SECRET.test(name) || NO_SECRET.test(name)) continue;
    const message = `Do not use ARG or ENV instructions for sensitive data (${kind} ${JSON.stringify(name)})`;
    yield findingOf('SecretsUsedInArgOrEnv', message, line);
  }
}

/** A comment right above a stage or an argument is taken for its description, which begins with its name. */
function* checkDescription(instruction: Instruction): Generator<Finding> {
  const { kind, source } = instruction;
  if ((kind !== 'FROM' && kind !== 'ARG') || source.comments.length === 0) return;
  const names = kind === 'ARG' ? instruction.args.map(({ name }) => name) : instruction.as ? [instruction.as.name] : [];
  const described = source.comments.some((comment) => names.includes(comment.split(/\s/, 1)[0] as string));
  if (names.length === 0 || described) return;
  const message = `Comment for ${kind} should follow the format: \`# ${names[0]} <description>\``;
  yield findingOf('InvalidDefinitionDescription', message, source.line);
}
