import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { containerExited } from './container-exit.ts';
import { startDetached } from './detached.ts';

/** What conmon runs at a container's end in the tests: the work of the hidden verb. */
const [root = '', id = ''] = process.argv.slice(2);
await containerExited(root, id, {
  async restart(container, progress) {
    const folder = join(root, 'snapshots', id);
    mkdirSync(folder, { recursive: true });
    const options = [`lowerdir=${join(root, 'image')}`, `upperdir=${folder}/upper`, `workdir=${folder}/work`];
    const exitCommand = [process.execPath, import.meta.filename, root, id];
    await startDetached(
      root,
      container,
      { mounts: [{ type: 'overlay', source: 'overlay', options }] },
      { exitCommand, ...progress },
    );
  },
  async removed() {},
});
