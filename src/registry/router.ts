import { ProtocolError } from './errors.ts';

/** The specification's end points (distribution-spec, "Endpoints") by what they are about. */
export type Route =
  | { readonly kind: 'ping' } // end-1
  | { readonly kind: 'catalog' }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: string } // end-2, end-10
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string } // end-3, end-7, end-9
  | { readonly kind: 'uploads'; readonly repository: string } // end-4, end-11
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string } // end-5, end-6, end-13
  | { readonly kind: 'tags'; readonly repository: string } // end-8
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: string }; // end-12

// Names may hold the words themselves (`a/tags/list` is a repository), so the last place counts: greedy.
const UPLOADS = /^\/v2\/(.+)\/blobs\/uploads\/?([^/]*)$/;
const CONTENT = /^\/v2\/(.+)\/(manifests|blobs|referrers)\/([^/]+)$/;
const TAGS = /^\/v2\/(.+)\/tags\/list\/?$/;

/** Where a path (without its query) leads; undefined for none of ours. */
export function routeOf(path: string): Route | undefined {
  if (path === '/v2/' || path === '/v2') return { kind: 'ping' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const uploads = UPLOADS.exec(path);
  if (uploads) {
    const [, repository, id] = uploads as unknown as [string, string, string];
    return id === '' ? { kind: 'uploads', repository } : { kind: 'upload', repository, id };
  }
  const content = CONTENT.exec(path);
  if (content) {
    const [, repository, kind, encoded] = content as unknown as [string, string, string, string];
    const name = decode(encoded);
    if (kind === 'manifests') return { kind: 'manifest', repository, reference: name };
    return kind === 'blobs'
      ? { kind: 'blob', repository, digest: name }
      : { kind: 'referrers', repository, digest: name };
  }
  const tags = TAGS.exec(path);
  return tags ? { kind: 'tags', repository: tags[1] as string } : undefined;
}

/** `sha256%3A…` is how some clients write a digest. */
function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ProtocolError('NAME_INVALID', 'the path is not well encoded');
  }
}

// distribution-spec, "Pulling manifests".
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const MAX_REPOSITORY_LENGTH = 255;

export function isRepository(name: string): boolean {
  return name.length <= MAX_REPOSITORY_LENGTH && REPOSITORY.test(name);
}

export function isTag(name: string): boolean {
  return TAG.test(name);
}
