import { type Command, command } from '../command.ts';
import { completionScripts } from '../completion-scripts.ts';
import { UsageError } from '../usage-error.ts';

const shells = Object.keys(completionScripts) as (keyof typeof completionScripts)[];

export const completion: Command = command({
  args: 'SHELL',
  complete: [shells],
  description: ['The shell is bash, zsh or fish; the head of each script says where to put it.'],
  examples: ['completion bash > /etc/bash_completion.d/strata'],
  async run({ args: [name], io }) {
    const shell = shells.find((each) => each === name);
    if (!shell)
      throw new UsageError(`no completion for the shell ${name}; there is ${shells.join(', ')}`, { exitCode: 1 });
    io.stdout.write(completionScripts[shell]);
  },
});
