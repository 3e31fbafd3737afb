import type { Program, Topic, Verb } from './command.ts';
import { globalFlags } from './globals.ts';
import { containerVerbs } from './verbs/container-verbs.ts';
import { distributionVerbs } from './verbs/distribution-verbs.ts';
import { imageVerbs } from './verbs/image-verbs.ts';
import { lookInsideVerbs } from './verbs/look-inside-verbs.ts';
import { registryVerbs } from './verbs/registry-verbs.ts';
import { systemVerbs } from './verbs/system-verbs.ts';

const groups = ['Containers', 'Images', 'Distribution', 'Registry', 'Look inside', 'System'] as const;

const topics: readonly Topic[] = [
  { name: 'container', group: 'Containers', summary: 'Manage containers' },
  { name: 'volume', group: 'Containers', summary: 'Manage volumes' },
  { name: 'network', group: 'Containers', summary: 'Manage networks' },
  { name: 'image', group: 'Images', summary: 'Manage images' },
  { name: 'builder', group: 'Images', summary: 'Manage what builds keep' },
  { name: 'manifest', group: 'Distribution', summary: 'Manage image indexes and their manifests' },
  { name: 'registry', group: 'Registry', summary: 'Serve and manage a registry' },
  { name: 'union', group: 'Look inside', summary: 'Unite directories' },
  { name: 'internal', group: 'System', summary: 'For this program itself' },
  { name: 'system', group: 'System', summary: 'Manage the state as a whole' },
];

/** Every verb. A row is read at each start, its file only when it runs: nothing heavy is imported here. */
const verbs: readonly Verb[] = [
  ...containerVerbs,
  ...imageVerbs,
  ...distributionVerbs,
  ...registryVerbs,
  ...lookInsideVerbs,
  ...systemVerbs,
];

export const program: Program = {
  name: 'strata',
  summary: 'Images, layers, containers and registries, without a daemon',
  globals: globalFlags,
  groups,
  topics,
  verbs,
};
