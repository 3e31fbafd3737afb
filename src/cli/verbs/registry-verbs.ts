import type { Verb } from '../command.ts';

const group = 'Registry';

/** Rows of the verb table: their files are loaded when they run. */
export const registryVerbs: readonly Verb[] = [
  {
    names: ['registry serve'],
    group,
    summary: 'Serve a private registry',
    load: async () => (await import('../commands/registry-serve.ts')).registryServe,
  },
  {
    names: ['registry trust'],
    group,
    summary: 'Trust a registry’s certificate',
    load: async () => (await import('../commands/registry-trust.ts')).registryTrust,
  },
  {
    names: ['registry user add'],
    group,
    summary: 'Add a user or change a password',
    load: async () => (await import('../commands/registry-user.ts')).registryUserAdd,
  },
  {
    names: ['registry user rm'],
    group,
    summary: 'Remove a user',
    load: async () => (await import('../commands/registry-user.ts')).registryUserRemove,
  },
  {
    names: ['registry user ls', 'registry user list'],
    group,
    summary: 'List users',
    load: async () => (await import('../commands/registry-user.ts')).registryUserList,
  },
  {
    names: ['registry token create'],
    group,
    summary: 'Make a token for a program',
    load: async () => (await import('../commands/registry-token.ts')).registryTokenCreate,
  },
  {
    names: ['registry token rm'],
    group,
    summary: 'Remove a token',
    load: async () => (await import('../commands/registry-token.ts')).registryTokenRemove,
  },
  {
    names: ['registry token ls', 'registry token list'],
    group,
    summary: 'List tokens',
    load: async () => (await import('../commands/registry-token.ts')).registryTokenList,
  },
  {
    names: ['registry collect'],
    group,
    summary: 'Free what nothing needs, while it serves',
    load: async () => (await import('../commands/registry-collect.ts')).registryCollect,
  },
];
