import type { Recipe } from '../dockerfile/index.ts';
import type { Job } from '../std/index.ts';
import { type BuildProgress, type BuildSettings, type Built, build } from './build.ts';
import type { Engine } from './engine.ts';

/** Builds what `image('debian:12').copy(…).run(…)` says, with `context` for what it copies; an empty one where nothing is said. */
export function buildRecipe(
  engine: Engine,
  recipe: Recipe,
  { context, ...settings }: Omit<BuildSettings, 'file' | 'stdin' | 'target'> & { readonly context?: string } = {},
): Job<BuildProgress, Built> {
  const text = Buffer.from(recipe.toDockerfile());
  const stdin = (async function* () {
    yield text;
  })();
  return build(engine, context ?? '-', { ...settings, stdin, ...(context !== undefined && { file: '-' }) });
}
