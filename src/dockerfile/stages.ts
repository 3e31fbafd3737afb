import type { ArgInstruction, Dockerfile, FromInstruction, Instruction } from './instruction.ts';

/** A FROM and what follows it. */
export interface Stage {
  /** Counted from 0; `COPY --from=0` means it. */
  readonly index: number;
  /** In lower case. */
  readonly name?: string;
  readonly from: FromInstruction;
  readonly instructions: readonly Instruction[];
}

/** The ARGs above the first FROM, which FROM alone sees, and the stages. */
export function stagesOf({ instructions }: Dockerfile): {
  globals: readonly ArgInstruction[];
  stages: readonly Stage[];
} {
  const globals: ArgInstruction[] = [];
  const stages: { from: FromInstruction; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const stage = stages.at(-1);
    if (instruction.kind === 'FROM') stages.push({ from: instruction, instructions: [] });
    else if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === 'ARG') globals.push(instruction);
  }
  return {
    globals,
    stages: stages.map((stage, index) => ({
      index,
      ...(stage.from.as && { name: stage.from.as.name.toLowerCase() }),
      ...stage,
    })),
  };
}

/** The stage that a FROM or `--from` in the stage `before` means: the last of that name above it, or for `--from` its number. */
export function findStage(
  stages: readonly Stage[],
  name: string,
  { before = stages.length, numbers = false }: { before?: number; numbers?: boolean } = {},
): Stage | undefined {
  const lower = name.toLowerCase();
  const found = stages.findLast((stage) => stage.index < before && stage.name === lower);
  if (found || !numbers || !/^\d+$/.test(name)) return found;
  const stage = stages[Number(name)];
  return stage && stage.index < before ? stage : undefined;
}
