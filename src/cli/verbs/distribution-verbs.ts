import type { Verb } from '../command.ts';

const group = 'Distribution';

/** Rows of the verb table: their files are loaded when they run. */
export const distributionVerbs: readonly Verb[] = [
  {
    names: ['pull', 'image pull'],
    group,
    summary: 'Get an image from a registry',
    load: async () => (await import('../commands/pull.ts')).pull,
  },
  {
    names: ['push', 'image push'],
    group,
    summary: 'Send an image to a registry',
    load: async () => (await import('../commands/push.ts')).push,
  },
  {
    names: ['copy'],
    group,
    summary: 'Copy an image between two places, without the store',
    load: async () => (await import('../commands/copy.ts')).copy,
  },
  {
    names: ['login'],
    group,
    summary: 'Log in to a registry',
    load: async () => (await import('../commands/login.ts')).login,
  },
  {
    names: ['logout'],
    group,
    summary: 'Log out from a registry',
    load: async () => (await import('../commands/logout.ts')).logout,
  },
  {
    names: ['search'],
    group,
    summary: 'Search a registry for images',
    load: async () => (await import('../commands/search.ts')).search,
  },
  {
    names: ['manifest create'],
    group,
    summary: 'Begin an index of images for several platforms',
    load: async () => (await import('../commands/manifest.ts')).manifestCreate,
  },
  {
    names: ['manifest annotate'],
    group,
    summary: 'Say which platform a member is for',
    load: async () => (await import('../commands/manifest.ts')).manifestAnnotate,
  },
  {
    names: ['manifest push'],
    group,
    summary: 'Send an index and what it names',
    load: async () => (await import('../commands/manifest.ts')).manifestPush,
  },
  {
    names: ['manifest inspect'],
    group,
    summary: 'Show an index, or a manifest of a registry',
    load: async () => (await import('../commands/manifest.ts')).manifestInspect,
  },
  {
    names: ['manifest rm'],
    group,
    summary: 'Forget an index that was begun',
    load: async () => (await import('../commands/manifest.ts')).manifestRemove,
  },
];
