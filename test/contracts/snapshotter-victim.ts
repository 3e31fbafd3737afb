import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../../src/oci/index.ts';
import { openSnapshotter } from '../../src/snapshot/index.ts';
import { inputOf, layerOf } from './layer-input.ts';

// A process for the contract suite to kill: ROOT DRIVER ACTION ARGUMENT [ROUNDS]. It says `ready` when the action is under way.
const [root, driver, action, argument, rounds = '1000000'] = process.argv.slice(2) as [string, string, string, string];
const snapshots = await openSnapshotter({ root, driver });
const say = (text: string): void => void process.stdout.write(`${text}\n`);

switch (action) {
  case 'open': {
    const { kind, parent } = await snapshots.open(argument);
    say(JSON.stringify({ kind, parent }));
    break;
  }
  case 'mount': {
    await (await snapshots.open('left')).mount(argument);
    writeFileSync(join(argument, 'file'), 'written');
    say('ready');
    setInterval(() => {}, 1000);
    break;
  }
  default: {
    const layer = await layerOf(Array.from({ length: 400 }, (_, i) => ({ name: `d${i % 7}/f${i}`, content: `${i}` })));
    const name = digestOf(layer);
    const act = { unpack, commit, remove: unpack }[action as 'unpack' | 'commit' | 'remove'];
    for (let round = 0; round < Number(rounds); round++) {
      await act(round);
      say('ready');
    }

    async function unpack(): Promise<void> {
      await snapshots.remove(name);
      await snapshots.unpack(name, inputOf(argument, layer));
    }

    async function commit(round: number): Promise<void> {
      if (!(await snapshots.has(name))) await snapshots.unpack(name, inputOf(argument, layer));
      const committed = digestOf(`${process.pid} ${round}`);
      await (await snapshots.prepare(`key-${process.pid}-${round}`, name)).commit(committed);
      await snapshots.remove(committed);
    }
  }
}
await snapshots[Symbol.asyncDispose]();
