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
