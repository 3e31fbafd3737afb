import { type Command, type CommandContext, command } from '../command.ts';
import { completeWords, type Names } from '../completion.ts';

/** What the completion scripts call: one offered word a line, its meaning after a tab; `:files` stands for the shell's own file names. */
export const complete: Command = command({
  args: '[WORD...]',
  interspersed: false,
  async run({ args, program, print, engine }) {
    // A shell that waits for words is told none rather than an error.
    const names: Names = (kind) => namesOf(kind, engine).catch(() => []);
    const { words, files } = await completeWords(program, args, names);
    for (const { word, meaning } of words) print(meaning === undefined ? word : `${word}\t${meaning}`);
    if (files) print(':files');
  },
});

async function namesOf(kind: Parameters<Names>[0], engine: CommandContext['engine']): Promise<string[]> {
  const opened = await engine();
  const { listAllContainers, listVolumes } = await import('../../engine/index.ts');
  switch (kind) {
    case 'image': {
      const { familiarName } = await import('../../image/index.ts');
      return (await opened.store.images.list()).flatMap((record) => familiarName(record) ?? []);
    }
    case 'container':
      return (await listAllContainers(opened)).map(({ name }) => name);
    case 'running':
      return (await listAllContainers(opened))
        .filter(({ state }) => state.status === 'running')
        .map(({ name }) => name);
    case 'volume':
      return (await listVolumes(opened)).map(({ name }) => name);
  }
}
