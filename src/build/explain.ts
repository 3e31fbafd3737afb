import type { KeyParts } from './cache.ts';
import type { BuildHistory, BuildRecord } from './history.ts';

/** So many changed files are named; the others are counted. */
const MOST_NAMED = 5;

/** What the parts of a step's key are called. */
const NAMES: Readonly<Record<string, string>> = {
  parent: 'what it stands on',
  platform: 'the platform',
  instruction: 'the instruction',
  command: 'the command',
  arguments: 'the ARGs',
  config: 'the environment, user, directory or shell',
  mounts: 'the mounts',
  sandbox: 'the network, or limits of the container',
  destination: 'the destination',
  owner: '--chown',
  mode: '--chmod',
  parents: '--parents',
  unpack: 'which of the sources are archives',
  files: 'the files',
  path: 'the path',
  epoch: 'SOURCE_DATE_EPOCH',
};

/** Why a step of now is not what the build before made: what of its key is different, old against new. */
export function explainMiss(
  history: BuildHistory,
  before: BuildRecord | undefined,
  { id, key, parts, reads }: { id: string; key: string; parts: KeyParts; reads?: readonly string[] },
): string {
  if (!before) return 'no earlier build of this context and Dockerfile is known';
  if (before.steps.some((step) => step.key === key)) return 'its result was removed from the cache';
  const old = before.steps.find((step) => step.id === id && step.parts['instruction'] === parts['instruction']);
  if (!old) return 'the build before had no such step here';
  const different = [...new Set([...Object.keys(old.parts), ...Object.keys(parts)])].filter(
    (name) => old.parts[name] !== parts[name],
  );
  // What a step stands on changes along with the step before, which tells why: that comes last.
  const own = different.filter((name) => name !== 'parent');
  const told = own.length > 0 ? own : different;
  return told
    .map((name) => {
      if (name === 'parent') return 'a step before it changed, or its base image';
      if (name === 'files') return filesChanged(history.reads(old.parts['files'] ?? ''), reads);
      return `${NAMES[name] ?? name} changed: ${shown(old.parts[name])} is now ${shown(parts[name])}`;
    })
    .join('; ');
}

function filesChanged(before: readonly string[] | undefined, now: readonly string[] | undefined): string {
  if (!before || !now) return 'the files that it reads changed';
  const [old, fresh] = [byName(before), byName(now)];
  const changes: string[] = [];
  for (const [name, line] of fresh) {
    const earlier = old.get(name);
    if (earlier === undefined) changes.push(`${name} is new`);
    else if (earlier !== line) changes.push(`${name} changed: ${difference(earlier, line)}`);
  }
  for (const name of old.keys()) if (!fresh.has(name)) changes.push(`${name} is gone`);
  const more = changes.length - MOST_NAMED;
  const named = changes.slice(0, MOST_NAMED).join(', ');
  return more > 0 ? `${named}, and ${more} more` : named || 'the order of its sources changed';
}

/** Lines of a selection: a heading for each source, then its names. */
function byName(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  let source = '';
  for (const line of lines) {
    const fields = JSON.parse(line) as unknown[];
    if (fields[0] === 'contents' || fields[0] === 'file') {
      source = [fields[1], fields[2]].filter((part) => part !== '').join('/');
      continue;
    }
    found.set([source, String(fields[0])].filter((part) => part !== '').join('/'), line);
  }
  return found;
}

const FIELDS = ['name', 'kind', 'mode', 'user', 'group', 'content'];

function difference(before: string, now: string): string {
  const [old, fresh] = [JSON.parse(before) as unknown[], JSON.parse(now) as unknown[]];
  return (
    FIELDS.flatMap((field, index) =>
      old[index] === fresh[index] ? [] : [`${field} ${brief(old[index])} is now ${brief(fresh[index])}`],
    ).join(', ') || 'its attributes'
  );
}

/** A content is its size and digest: the beginning tells it from another. */
function brief(value: unknown): string {
  const text = String(value);
  const digest = /^(\d+):([0-9a-f]{12})[0-9a-f]+$/.exec(text);
  return digest ? `${digest[2]} (${digest[1]} bytes)` : text;
}

function shown(value: string | undefined): string {
  if (value === undefined || value === '') return 'nothing';
  return value.length > 200 ? `${value.slice(0, 200)}…` : value;
}
