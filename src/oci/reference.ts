import { EngineError } from '../std/index.ts';
import { type Digest, parseDigest } from './digest.ts';

/** What people type to name an image, in full: `docker.io/library/debian:12`. */
export interface Reference {
  /** Host, and port where one is given: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export const DEFAULT_REGISTRY = 'docker.io';
const LEGACY_DEFAULT_REGISTRY = 'index.docker.io';
const OFFICIAL = 'library/';
const DEFAULT_TAG = 'latest';
const MAX_REPOSITORY_LENGTH = 255;

// The grammar of github.com/distribution/reference, "Grammar".
const HOST_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const REGISTRY = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const BARE_HEX = /^[a-f0-9]{64}$/;

/**
 * Reads a reference as docker does: a name without a registry is docker.io's, a name of one component there is in `library/`.
 * Throws InvalidArgument that says which part is wrong. No tag is added: see {@link withDefaultTag}.
 */
export function parseReference(text: string): Reference {
  const fail = (problem: string): EngineError =>
    new EngineError('InvalidArgument', `invalid reference ${JSON.stringify(text)}: ${problem}`);
  if (text === '') throw fail('it is empty; expected NAME[:TAG][@DIGEST]');
  if (BARE_HEX.test(text)) throw fail('64 hex digits name an image by its ID, not a repository');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme) throw fail(`a reference has no scheme; leave out ${JSON.stringify(scheme[0])}`);

  const { registry, rest } = splitRegistry(text);
  if (!REGISTRY.test(registry))
    throw fail(`${JSON.stringify(registry)} is no registry host, which is HOST or HOST:PORT`);

  const { repository, tag, digest } = splitRest(rest);
  checkRepository(repository, fail);
  if (tag !== undefined) checkTag(tag, fail);
  return {
    registry,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest: requireDigest(digest, fail) }),
  };
}

/** The reference itself where it has a tag or a digest, else with the tag `latest`. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag !== undefined || reference.digest !== undefined ? reference : { ...reference, tag: DEFAULT_TAG };
}

/** In full: `docker.io/library/debian:12`; {@link parseReference} reads it back. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffixOf(reference)}`;
}

/** The repository as people type it: `debian`, `user/app`, `127.0.0.1:5000/app`. */
export function familiarName({ registry, repository }: Reference): string {
  if (registry !== DEFAULT_REGISTRY) return `${registry}/${repository}`;
  const name =
    repository.startsWith(OFFICIAL) && !repository.includes('/', OFFICIAL.length)
      ? repository.slice(OFFICIAL.length)
      : repository;
  // Short forms that would read back as something else keep their registry.
  const first = name.slice(0, name.indexOf('/') + 1);
  return looksLikeRegistry(first.slice(0, -1)) || BARE_HEX.test(name) ? `${registry}/${repository}` : name;
}

/** As people type it, with tag and digest: `debian:12`. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffixOf(reference);
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function splitRegistry(text: string): { registry: string; rest: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  if (slash < 0 || !looksLikeRegistry(first)) {
    return { registry: DEFAULT_REGISTRY, rest: slash < 0 ? OFFICIAL + text : text };
  }
  const rest = text.slice(slash + 1);
  if (first !== DEFAULT_REGISTRY && first !== LEGACY_DEFAULT_REGISTRY) return { registry: first, rest };
  return { registry: DEFAULT_REGISTRY, rest: rest.includes('/') ? rest : OFFICIAL + rest };
}

/** A first component is a registry where it could not be anything else, or is `localhost`. */
function looksLikeRegistry(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
}

function splitRest(rest: string): { repository: string; tag?: string; digest?: string } {
  const at = rest.indexOf('@');
  const named = at < 0 ? rest : rest.slice(0, at);
  const colon = named.indexOf(':');
  return {
    repository: colon < 0 ? named : named.slice(0, colon),
    ...(colon >= 0 && { tag: named.slice(colon + 1) }),
    ...(at >= 0 && { digest: rest.slice(at + 1) }),
  };
}

type Fail = (problem: string) => EngineError;

function checkRepository(repository: string, fail: Fail): void {
  const shown = repository.startsWith(OFFICIAL) ? repository.slice(OFFICIAL.length) : repository;
  if (shown === '') throw fail('the repository name is missing');
  if (repository !== repository.toLowerCase()) {
    throw fail(`repository name must be lower case: did you mean ${JSON.stringify(shown.toLowerCase())}?`);
  }
  for (const component of repository.split('/')) {
    if (component === '') throw fail('the repository name has an empty component (a slash too many)');
    if (!COMPONENT.test(component)) {
      throw fail(
        `${JSON.stringify(component)} is no repository component: it takes a-z and 0-9, joined by one ".", "_", "__" or any number of "-"`,
      );
    }
  }
  if (repository.length > MAX_REPOSITORY_LENGTH) {
    throw fail(`the repository name has ${repository.length} characters, at most ${MAX_REPOSITORY_LENGTH} are allowed`);
  }
}

function checkTag(tag: string, fail: Fail): void {
  if (tag === '') throw fail('the tag after ":" is missing');
  if (tag.length > 128) throw fail(`the tag has ${tag.length} characters, at most 128 are allowed`);
  if (tag.includes('/')) throw fail(`a port belongs to a registry host, and ${JSON.stringify(tag)} is no tag`);
  if (!TAG.test(tag)) {
    throw fail(
      `${JSON.stringify(tag)} is no tag: it takes letters, digits, "_", "." and "-", and starts with none of the last two`,
    );
  }
}

function requireDigest(digest: string, fail: Fail): Digest {
  try {
    return parseDigest(digest);
  } catch (error) {
    throw fail((error as EngineError).message);
  }
}
