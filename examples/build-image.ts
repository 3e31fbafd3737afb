/**
 * Builds an image from code, of files alone: it needs neither root nor Linux, nor a Dockerfile.
 *
 *     node examples/build-image.ts FOLDER NAME
 */
import { image } from '../src/dockerfile/index.ts';
import { buildRecipe, type EngineOptions, openEngine } from '../src/engine/index.ts';

/** Makes an image of what is in `folder`, and gives its ID. */
export async function packageFolder(folder: string, name: string, options: EngineOptions = {}): Promise<string> {
  await using engine = await openEngine(options);
  const recipe = image('scratch')
    .copy('.', '/srv/', { chown: '1000:1000' })
    .workdir('/srv')
    .label({ 'org.example.from': folder });
  await using job = buildRecipe(engine, recipe, { context: folder, tags: [name] });
  for await (const event of job)
    if (event.kind === 'done') process.stderr.write(`${event.id} ${event.cached ? 'cached' : 'made'}\n`);
  return (await job.result).image.id;
}

if (import.meta.main) {
  const [, , folder = '.', name = 'packaged:1'] = process.argv;
  process.stdout.write(`${await packageFolder(folder, name)}\n`);
}
