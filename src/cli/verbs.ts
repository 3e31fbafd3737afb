import type { Program, Topic, Verb } from './command.ts';
import { globalFlags } from './globals.ts';

const groups = ['Containers', 'Images', 'Distribution', 'Registry', 'Look inside', 'System'] as const;

const topics: readonly Topic[] = [
  { name: 'container', group: 'Containers', summary: 'Manage containers' },
  { name: 'volume', group: 'Containers', summary: 'Manage volumes' },
  { name: 'network', group: 'Containers', summary: 'Manage networks' },
  { name: 'image', group: 'Images', summary: 'Manage images' },
  { name: 'manifest', group: 'Distribution', summary: 'Manage image indexes and their manifests' },
  { name: 'registry', group: 'Registry', summary: 'Serve and manage a registry' },
  { name: 'system', group: 'System', summary: 'Manage the state as a whole' },
];

/** Every verb. A row is read at each start, its file only when it runs: nothing heavy is imported here. */
const verbs: readonly Verb[] = [
  {
    names: ['images', 'image ls', 'image list'],
    group: 'Images',
    summary: 'List images',
    load: async () => (await import('./commands/images.ts')).images,
  },
  {
    names: ['tag', 'image tag'],
    group: 'Images',
    summary: 'Give an image another name',
    load: async () => (await import('./commands/tag.ts')).tag,
  },
  {
    names: ['rmi', 'image rm', 'image remove'],
    group: 'Images',
    summary: 'Remove images',
    load: async () => (await import('./commands/rmi.ts')).rmi,
  },
  {
    names: ['image prune'],
    group: 'Images',
    summary: 'Remove unused images',
    load: async () => (await import('./commands/image-prune.ts')).imagePrune,
  },
  {
    names: ['import', 'image import'],
    group: 'Images',
    summary: 'Make an image from the tar of a root file system',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    names: ['save', 'image save'],
    group: 'Images',
    summary: 'Write images into an archive',
    load: async () => (await import('./commands/save.ts')).save,
  },
  {
    names: ['load', 'image load'],
    group: 'Images',
    summary: 'Take images from an archive',
    load: async () => (await import('./commands/load.ts')).load,
  },
  {
    names: ['pull', 'image pull'],
    group: 'Distribution',
    summary: 'Get an image from a registry',
    load: async () => (await import('./commands/pull.ts')).pull,
  },
  {
    names: ['push', 'image push'],
    group: 'Distribution',
    summary: 'Send an image to a registry',
    load: async () => (await import('./commands/push.ts')).push,
  },
  {
    names: ['copy'],
    group: 'Distribution',
    summary: 'Copy an image between two places, without the store',
    load: async () => (await import('./commands/copy.ts')).copy,
  },
  {
    names: ['login'],
    group: 'Distribution',
    summary: 'Log in to a registry',
    load: async () => (await import('./commands/login.ts')).login,
  },
  {
    names: ['logout'],
    group: 'Distribution',
    summary: 'Log out from a registry',
    load: async () => (await import('./commands/logout.ts')).logout,
  },
  {
    names: ['search'],
    group: 'Distribution',
    summary: 'Search a registry for images',
    load: async () => (await import('./commands/search.ts')).search,
  },
  {
    names: ['manifest create'],
    group: 'Distribution',
    summary: 'Begin an index of images for several platforms',
    load: async () => (await import('./commands/manifest.ts')).manifestCreate,
  },
  {
    names: ['manifest annotate'],
    group: 'Distribution',
    summary: 'Say which platform a member is for',
    load: async () => (await import('./commands/manifest.ts')).manifestAnnotate,
  },
  {
    names: ['manifest push'],
    group: 'Distribution',
    summary: 'Send an index and what it names',
    load: async () => (await import('./commands/manifest.ts')).manifestPush,
  },
  {
    names: ['manifest inspect'],
    group: 'Distribution',
    summary: 'Show an index, or a manifest of a registry',
    load: async () => (await import('./commands/manifest.ts')).manifestInspect,
  },
  {
    names: ['manifest rm'],
    group: 'Distribution',
    summary: 'Forget an index that was begun',
    load: async () => (await import('./commands/manifest.ts')).manifestRemove,
  },
  {
    names: ['registry serve'],
    group: 'Registry',
    summary: 'Serve a private registry',
    load: async () => (await import('./commands/registry-serve.ts')).registryServe,
  },
  {
    names: ['registry trust'],
    group: 'Registry',
    summary: 'Trust a registry’s certificate',
    load: async () => (await import('./commands/registry-trust.ts')).registryTrust,
  },
  {
    names: ['registry user add'],
    group: 'Registry',
    summary: 'Add a user or change a password',
    load: async () => (await import('./commands/registry-user.ts')).registryUserAdd,
  },
  {
    names: ['registry user rm'],
    group: 'Registry',
    summary: 'Remove a user',
    load: async () => (await import('./commands/registry-user.ts')).registryUserRemove,
  },
  {
    names: ['registry user ls', 'registry user list'],
    group: 'Registry',
    summary: 'List users',
    load: async () => (await import('./commands/registry-user.ts')).registryUserList,
  },
  {
    names: ['history', 'image history'],
    group: 'Look inside',
    summary: 'Show how an image came to be',
    load: async () => (await import('./commands/history.ts')).history,
  },
  {
    names: ['inspect'],
    group: 'Look inside',
    summary: 'Show all that is known of images, containers and volumes',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    names: ['image inspect'],
    group: 'Look inside',
    summary: 'Show all that is known of images',
    load: async () => (await import('./commands/image-inspect.ts')).imageInspect,
  },
  {
    names: ['image layers'],
    group: 'Look inside',
    summary: 'Draw the layers of an image',
    load: async () => (await import('./commands/image-layers.ts')).imageLayers,
  },
  {
    names: ['info', 'system info'],
    group: 'System',
    summary: 'Show what this state and machine have',
    load: async () => (await import('./commands/info.ts')).info,
  },
  {
    names: ['system df'],
    group: 'System',
    summary: 'Show what takes space, and what is shared',
    load: async () => (await import('./commands/system-df.ts')).systemDf,
  },
  {
    names: ['system prune'],
    group: 'System',
    summary: 'Remove all that nothing uses',
    load: async () => (await import('./commands/system-prune.ts')).systemPrune,
  },
  {
    names: ['fsck', 'system fsck'],
    group: 'System',
    summary: 'Check everything that is stored',
    load: async () => (await import('./commands/fsck.ts')).fsck,
  },
  {
    names: ['version'],
    group: 'System',
    summary: 'Show the version of this program and of what it runs on',
    load: async () => (await import('./commands/version.ts')).version,
  },
  {
    names: ['completion'],
    group: 'System',
    summary: 'Print the completion script for a shell',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    names: ['__complete'],
    group: 'System',
    summary: 'Offer words to the shell',
    hidden: true,
    load: async () => (await import('./commands/complete.ts')).complete,
  },
];

export const program: Program = {
  name: 'strata',
  summary: 'Images, layers, containers and registries, without a daemon',
  globals: globalFlags,
  groups,
  topics,
  verbs,
};
