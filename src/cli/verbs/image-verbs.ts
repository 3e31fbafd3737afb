import type { Verb } from '../command.ts';

const group = 'Images';

/** Rows of the verb table: their files are loaded when they run. */
export const imageVerbs: readonly Verb[] = [
  {
    names: ['build', 'image build', 'builder build'],
    group,
    summary: 'Build an image from a Dockerfile',
    load: async () => (await import('../commands/build.ts')).build,
  },
  {
    names: ['builder prune'],
    group,
    summary: 'Remove what builds keep',
    load: async () => (await import('../commands/builder.ts')).builderPrune,
  },
  {
    names: ['builder du'],
    group,
    summary: 'Show what builds keep, and its size',
    load: async () => (await import('../commands/builder.ts')).builderDu,
  },
  {
    names: ['build history ls', 'builder history ls'],
    group,
    summary: 'List the builds that are remembered',
    load: async () => (await import('../commands/builder.ts')).buildHistoryList,
  },
  {
    names: ['build history why', 'builder history why'],
    group,
    summary: 'Say why the steps of a build were made anew',
    load: async () => (await import('../commands/builder.ts')).buildHistoryWhy,
  },
  {
    names: ['images', 'image list'],
    group,
    summary: 'List images',
    load: async () => (await import('../commands/images.ts')).images,
  },
  {
    names: ['image ls'],
    group,
    summary: 'List images, or files of one',
    load: async () => (await import('../commands/image-ls.ts')).imageLs,
  },
  {
    names: ['image index'],
    group,
    summary: 'Make what a lazy start of an image needs',
    load: async () => (await import('../commands/image-index.ts')).imageIndex,
  },
  {
    names: ['tag', 'image tag'],
    group,
    summary: 'Give an image another name',
    load: async () => (await import('../commands/tag.ts')).tag,
  },
  {
    names: ['rmi', 'image rm', 'image remove'],
    group,
    summary: 'Remove images',
    load: async () => (await import('../commands/rmi.ts')).rmi,
  },
  {
    names: ['commit', 'container commit'],
    group,
    summary: 'Make an image of what a container changed',
    load: async () => (await import('../commands/commit.ts')).commit,
  },
  {
    names: ['import', 'image import'],
    group,
    summary: 'Make an image from the tar of a root file system',
    load: async () => (await import('../commands/import.ts')).importCommand,
  },
  {
    names: ['save', 'image save'],
    group,
    summary: 'Write images into an archive',
    load: async () => (await import('../commands/save.ts')).save,
  },
  {
    names: ['load', 'image load'],
    group,
    summary: 'Take images from an archive',
    load: async () => (await import('../commands/load.ts')).load,
  },
  {
    names: ['image prune'],
    group,
    summary: 'Remove unused images',
    load: async () => (await import('../commands/image-prune.ts')).imagePrune,
  },
];
