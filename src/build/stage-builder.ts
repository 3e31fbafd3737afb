import { posix } from 'node:path';
import { type Dockerfile, errorAt, formatInstruction, type Instruction, parseTrigger } from '../dockerfile/index.ts';
import { EngineError } from '../std/index.ts';
import { copyStep } from './copy-step.ts';
import { applyMetadata } from './metadata.ts';
import { runStep } from './run-step.ts';
import type { Session } from './session.ts';
import type { BuildState } from './state.ts';
import { type Done, type TreeFinder, takeStep, withHistory } from './step.ts';
import { workdirStep } from './workdir-step.ts';

export interface StageInput {
  readonly name: string;
  readonly dockerfile: Dockerfile;
  readonly instructions: readonly Instruction[];
  readonly noCache: boolean;
  readonly treeOf: TreeFinder;
}

/** Goes through a stage's instructions, one after the other. Throws DockerfileError where one fails. */
export async function buildStage(session: Session, start: BuildState, input: StageInput): Promise<BuildState> {
  const triggers = (start.config.OnBuild ?? []).map((text) => parseTrigger(text));
  const { OnBuild: _, ...config } = start.config;
  let state: BuildState = triggers.length > 0 ? { ...start, config } : start;
  const instructions = [...triggers, ...input.instructions];
  for (const [index, instruction] of instructions.entries()) {
    session.signal.throwIfAborted();
    const id = `${input.name}/${index + 1}`;
    const began = performance.now();
    const text = formatInstruction(instruction).split('\n', 1)[0] as string;
    session.report({ kind: 'step', id, stage: input.name, step: index + 1, steps: instructions.length, text });
    try {
      const done = await runInstruction(session, state, instruction, { ...input, id });
      state = done.state;
      const milliseconds = Math.round(performance.now() - began);
      const { taken } = done;
      const top = taken?.layered ? state.stack.at(-1)?.diffID : undefined;
      if (taken) session.steps.push({ id, text, cached: done.cached, milliseconds, ...taken });
      session.report({
        kind: 'done',
        id,
        cached: done.cached,
        milliseconds,
        ...(taken && { key: taken.key }),
        ...(taken?.why !== undefined && { why: taken.why }),
        ...(top && { diffID: top }),
      });
    } catch (error) {
      throw session.signal.aborted ? session.signal.reason : located(input.dockerfile, instruction, error);
    }
  }
  return state;
}

async function runInstruction(
  session: Session,
  state: BuildState,
  instruction: Instruction,
  input: StageInput & { readonly id: string },
): Promise<Done> {
  switch (instruction.kind) {
    case 'FROM':
      throw new EngineError('Internal', 'a FROM within a stage');
    case 'RUN':
      return takeStep(session, state, await runStep(session, state, instruction, input), input);
    case 'COPY':
    case 'ADD':
      return takeStep(session, state, await copyStep(session, state, instruction, input), input);
    case 'WORKDIR': {
      const path = posix.resolve(state.config.WorkingDir || '/', state.scope.expand(instruction.value).text);
      const moved = { ...state, config: { ...state.config, WorkingDir: path } };
      return takeStep(session, moved, workdirStep(session, state, path), input);
    }
    default: {
      const { config, createdBy, cmdSet, author } = applyMetadata(state, instruction);
      const changed: BuildState = {
        ...state,
        config,
        cmdSet: cmdSet ?? state.cmdSet,
        ...(author !== undefined && { author }),
      };
      // It takes no time, and so it has the time of what it was put upon: the same build is the same image.
      const created = state.created ?? (session.options.epoch ?? new Date()).toISOString();
      return { state: withHistory(changed, { createdBy, created, empty: true }), cached: true };
    }
  }
}

/** The error at its instruction, unless it has a place already. */
function located(dockerfile: Dockerfile, instruction: Instruction, error: unknown): unknown {
  if (!(error instanceof EngineError) || error.code === 'Internal' || error.name !== 'EngineError') return error;
  if ('line' in error.details) return error;
  if (error.code !== 'InvalidArgument' && error.code !== 'NotFound') return error;
  return errorAt(dockerfile, instruction, error.message, error);
}
