import type { Verb } from '../command.ts';

const group = 'Look inside';

/** Rows of the verb table: their files are loaded when they run. */
export const lookInsideVerbs: readonly Verb[] = [
  {
    names: ['inspect'],
    group,
    summary: 'Show all that is known of images, containers and volumes',
    load: async () => (await import('../commands/inspect.ts')).inspect,
  },
  {
    names: ['history', 'image history'],
    group,
    summary: 'Show how an image came to be',
    load: async () => (await import('../commands/history.ts')).history,
  },
  {
    names: ['diff', 'container diff'],
    group,
    summary: 'Show what a container changed',
    load: async () => (await import('../commands/diff.ts')).diff,
  },
  {
    names: ['top', 'container top'],
    group,
    summary: 'Show the processes of a container',
    load: async () => (await import('../commands/top.ts')).top,
  },
  {
    names: ['stats', 'container stats'],
    group,
    summary: 'Show what running containers use',
    load: async () => (await import('../commands/stats.ts')).stats,
  },
  {
    names: ['port', 'container port'],
    group,
    summary: 'Show which ports a container publishes',
    load: async () => (await import('../commands/port.ts')).port,
  },
  {
    names: ['image inspect'],
    group,
    summary: 'Show all that is known of images',
    load: async () => (await import('../commands/image-inspect.ts')).imageInspect,
  },
  {
    names: ['image layers'],
    group,
    summary: 'Draw the layers of an image',
    load: async () => (await import('../commands/image-layers.ts')).imageLayers,
  },
  {
    names: ['image cat'],
    group,
    summary: 'Print a file of an image',
    load: async () => (await import('../commands/image-cat.ts')).imageCat,
  },
  {
    names: ['image tree'],
    group,
    summary: 'Draw the files of an image',
    load: async () => (await import('../commands/image-tree.ts')).imageTree,
  },
  {
    names: ['image stat'],
    group,
    summary: 'Show all that is known of an image’s files',
    load: async () => (await import('../commands/image-stat.ts')).imageStat,
  },
  {
    names: ['image find'],
    group,
    summary: 'Find files in an image',
    load: async () => (await import('../commands/image-find.ts')).imageFind,
  },
  {
    names: ['image diff'],
    group,
    summary: 'Show what differs between two images',
    load: async () => (await import('../commands/image-diff.ts')).imageDiff,
  },
  {
    names: ['container inspect'],
    group,
    summary: 'Show all that is known of containers',
    load: async () => (await import('../commands/container-inspect.ts')).containerInspect,
  },
  {
    names: ['mount', 'image mount'],
    group,
    summary: 'Show the files of an image in a directory',
    load: async () => (await import('../commands/mount.ts')).mount,
  },
  {
    names: ['umount', 'unmount', 'image umount', 'image unmount'],
    group,
    summary: 'End what mount made',
    load: async () => (await import('../commands/umount.ts')).umount,
  },
  {
    names: ['union mount'],
    group,
    summary: 'Show several directories as one tree',
    load: async () => (await import('../commands/union-mount.ts')).unionMount,
  },
  {
    names: ['union umount', 'union unmount'],
    group,
    summary: 'End a union of directories',
    load: async () => (await import('../commands/union-umount.ts')).unionUmount,
  },
];
