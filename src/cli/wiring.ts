import { EngineError } from '../std/index.ts';
import type { Wiring } from './context.ts';
import { engineOptionsOf } from './engine-options.ts';

/** The program as it is shipped: each part is imported when a verb first asks for it. */
export const wiring: Wiring = {
  async openEngine(globals, further = {}) {
    if (globals.host !== undefined) {
      const message = `this verb works on this machine only, not through ${globals.host}; leave --host out`;
      throw new EngineError('NotImplemented', message);
    }
    const { openEngine } = await import('../engine/index.ts');
    return openEngine({ ...engineOptionsOf(globals), program: [process.execPath, process.argv[1] ?? ''], ...further });
  },
};
