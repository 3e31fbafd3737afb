import { type Command, command } from '../command.ts';
import { completeWords } from '../completion.ts';

/** What the completion scripts call: one offered word a line, its meaning after a tab; `:files` stands for the shell's own file names. */
export const complete: Command = command({
  args: '[WORD...]',
  interspersed: false,
  async run({ args, program, print }) {
    const { words, files } = await completeWords(program, args, async () => []);
    for (const { word, meaning } of words) print(meaning === undefined ? word : `${word}\t${meaning}`);
    if (files) print(':files');
  },
});
