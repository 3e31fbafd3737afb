import { posix } from 'node:path';
import {
  type AddInstruction,
  type CopyInstruction,
  type Heredoc,
  heredocText,
  type Instruction,
  ignoreRules,
} from '../dockerfile/index.ts';
import { storeLayer } from '../image/index.ts';
import { EngineError } from '../std/index.ts';
import { addArchive, isArchive } from './add-archive.ts';
import { openRemote, remoteKind } from './add-remote.ts';
import { layerTar } from './layer-tar.ts';
import { memoryTree } from './memory-tree.ts';
import { resolveOwner } from './owner.ts';
import { Placing } from './place.ts';
import { type Selected, select } from './select.ts';
import { selectionLines } from './selection-digest.ts';
import type { Session } from './session.ts';
import type { BuildState } from './state.ts';
import { baseParts, type Step, type TreeFinder } from './step.ts';
import type { Tree } from './tree.ts';
import { unionTree } from './union-tree.ts';

/** A source that was found. */
interface Found {
  readonly selected: Selected;
  /** Of an ADD: whether its content goes in, and not itself. */
  readonly unpack: boolean;
}

const EMPTY: Tree = { node: () => undefined, names: () => [], async *open() {}, digest: async () => '' };

/** A COPY or ADD: what it reads, and the layer that comes of it. */
export async function copyStep(
  session: Session,
  state: BuildState,
  instruction: CopyInstruction | AddInstruction,
  input: { readonly treeOf: TreeFinder },
): Promise<Step> {
  const { scope, config } = state;
  const text = (word: string): string => scope.expand(word).text;
  const destination = absolute(config.WorkingDir || '/', text(instruction.destination));
  // A flag whose variable is empty counts as not given.
  const chown = text(instruction.chown ?? '') || undefined;
  const chmod = text(instruction.chmod ?? '') || undefined;
  const mode = chmod === undefined ? undefined : modeOf(chmod);
  const exclude = instruction.exclude.length > 0 ? ignoreRules(instruction.exclude.map(text)) : undefined;
  const paths = instruction.sources.map((source) =>
    'path' in source ? text(source.path) : `<<${source.heredoc.name}`,
  );
  const found = await findSources(session, state, instruction, { ...input, paths, exclude });
  if (found.length > 1 && !/\/\.?$/.test(destination)) {
    const problem = `several sources need a directory as their destination: ${instruction.destination}/`;
    throw new EngineError('InvalidArgument', problem);
  }
  const { epoch } = session.options;
  const lines = await selectionLines(found.map(({ selected }) => selected));
  const parents = instruction.kind === 'COPY' && instruction.parents;
  const base = baseParts(session, state);
  return {
    parts: {
      ...base,
      ...(instruction.link && !isNamed(chown) && { parent: 'linked' }),
      instruction: instruction.kind,
      destination,
      owner: chown ?? '',
      mode: mode?.toString(8) ?? '',
      parents: String(parents),
      unpack: JSON.stringify(found.map(({ unpack }) => unpack)),
      files: session.keepReads(lines),
    },
    createdBy: createdBy(instruction, { chown, chmod, paths, destination: text(instruction.destination) }),
    reads: lines,
    async make() {
      const below = await unionTree(session.layers, state.stack);
      const now = BigInt((epoch ?? new Date()).getTime()) * 1_000_000n;
      const owner = chown === undefined ? undefined : await resolveOwner(below, chown);
      const placing = new Placing(instruction.link ? EMPTY : below, {
        destination,
        now,
        parents,
        implied: instruction.link && chown === undefined,
        ...(owner && { owner }),
        ...(mode !== undefined && { mode }),
      });
      for (const { selected, unpack } of found) {
        if (unpack) await addArchive(session, placing, selected, destination);
        else placing.add(selected);
      }
      if (placing.placed.length === 0) return undefined;
      const ceiling = epoch && BigInt(epoch.getTime()) * 1_000_000n;
      return storeLayer(session.store, layerTar(placing.placed, ceiling), { signal: session.signal });
    },
  };
}

async function findSources(
  session: Session,
  state: BuildState,
  instruction: CopyInstruction | AddInstruction,
  {
    treeOf,
    paths,
    exclude,
  }: { treeOf: TreeFinder; paths: readonly string[]; exclude: ReturnType<typeof ignoreRules> | undefined },
): Promise<Found[]> {
  const found: Found[] = [];
  const from = instruction.kind === 'COPY' ? instruction.from : undefined;
  if (from?.includes('$')) {
    throw new EngineError(
      'InvalidArgument',
      '--from takes no variables; name a stage with FROM … AS NAME and copy from it',
    );
  }
  for (const [index, source] of instruction.sources.entries()) {
    const path = paths[index] as string;
    if ('heredoc' in source) {
      found.push({ selected: inlineFile(source.heredoc, state), unpack: false });
    } else if (instruction.kind === 'ADD' && remoteKind(path) !== undefined) {
      found.push(await openRemote(session, path, instruction));
    } else {
      const { tree, where } = await treeOf(from, instruction as Instruction);
      for (const selected of select(await tree(), path, { where, ...(exclude && { exclude }) })) {
        found.push({
          selected,
          unpack: instruction.kind === 'ADD' && instruction.unpack !== false && (await isArchive(selected)),
        });
      }
    }
  }
  return found;
}

function inlineFile(heredoc: Heredoc, { scope }: BuildState): Selected {
  const text = heredocText(heredoc);
  const content = heredoc.expand ? scope.expand(text, { plainQuotes: true }).text : text;
  const tree = memoryTree(new Map([[heredoc.name, Buffer.from(content)]]), { mode: 0o644, mtime: 0n });
  return select(tree, heredoc.name, { where: 'the Dockerfile' })[0] as Selected;
}

/** An absolute path whose slash at the end, or dot, is kept: it says that it is a directory. */
function absolute(workingDir: string, destination: string): string {
  const path = posix.resolve(workingDir, destination === '' ? '.' : destination);
  return /(?:^|\/)\.?$/.test(destination) && path !== '/' ? `${path}/` : path;
}

/** Octal. */
function modeOf(text: string): number {
  const mode = /^[0-7]{1,5}$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (!(mode <= 0o7777))
    throw new EngineError('InvalidArgument', `--chmod=${text}: expected up to four octal digits, such as 755`);
  return mode;
}

function isNamed(chown: string | undefined): boolean {
  return chown !== undefined && !/^\d+(?::\d+)?$/.test(chown);
}

function createdBy(
  { kind, link }: CopyInstruction | AddInstruction,
  {
    chown,
    chmod,
    paths,
    destination,
  }: { chown: string | undefined; chmod: string | undefined; paths: readonly string[]; destination: string },
): string {
  const flags = [
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
    ...(link ? ['--link'] : []),
  ];
  return [kind, ...flags, ...paths, destination].join(' ');
}
