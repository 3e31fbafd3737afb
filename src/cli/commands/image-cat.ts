import { pipeline } from 'node:stream/promises';
import { openImageFiles } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const imageCat: Command = command({
  args: 'IMAGE PATH [PATH...]',
  description: ['Symbolic links lead to where they lead inside the image. Nothing is unpacked for it.'],
  complete: ['image'],
  async run({ args: [name = '', ...paths], io, signal, engine }) {
    await using files = await openImageFiles(await engine(), name);
    for (const path of paths) await pipeline(files.fs.createReadStream(path), io.stdout, { signal, end: false });
  },
});
