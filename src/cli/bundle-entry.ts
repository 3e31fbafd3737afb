// The shipped program's entry: strata.ts over the bundle, whose compiled code it keeps from one run to the next.
import { codeCache } from './code-cache.ts';
import { complaintAboutNode } from './node-version.ts';
import type { start } from './start.ts';

/** Set by scripts/bundle.ts: the words of all verbs, those that are in quick.js as well, and a name for just this bundle. */
declare const VERB_WORDS: readonly string[];
declare const QUICK_VERBS: readonly string[];
declare const BUILD: string;

const complaint = complaintAboutNode();
if (complaint === undefined) {
  process.exitCode = 125; // unless the work comes to its own end: what is waited for in vain is no success
  run().catch((error: unknown) => {
    process.stderr.write(`strata: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(125);
  });
} else {
  process.stderr.write(complaint);
  process.exitCode = 125;
}

async function run(): Promise<void> {
  const cache = codeCache(__dirname, { build: BUILD, use: verb() });
  const file = QUICK_VERBS.includes(process.argv[2] ?? '') ? 'quick.js' : 'start.js';
  const program = cache.load(file) as { start: typeof start };
  const code = await program.start();
  cache.save();
  // Idle sockets and a waiting standard input would keep the process alive; everything is written out by now.
  process.exit(code);
}

/** The verb, or what looks like one, and whether it works in the background: a wrong guess costs a millisecond or two. */
function verb(): string {
  const words = process.argv.slice(2);
  const at = words.findIndex((word) => VERB_WORDS.includes(word));
  if (at < 0) return 'none';
  const pair = words.slice(at, at + 2);
  const name = VERB_WORDS.includes(pair.join(' ')) ? pair.join('-') : (words[at] as string);
  return words.some((word) => /^-\w*d\w*$|^--detach$/.test(word)) ? `${name}-detached` : name;
}
