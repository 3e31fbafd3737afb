import type { Verb } from '../command.ts';

const group = 'System';

/** Rows of the verb table: their files are loaded when they run. */
export const systemVerbs: readonly Verb[] = [
  {
    names: ['info', 'system info'],
    group,
    summary: 'Show what this state and machine have',
    load: async () => (await import('../commands/info.ts')).info,
  },
  {
    names: ['version'],
    group,
    summary: 'Show the version of this program and of what it runs on',
    load: async () => (await import('../commands/version.ts')).version,
  },
  {
    names: ['system df'],
    group,
    summary: 'Show what takes space, and what is shared',
    load: async () => (await import('../commands/system-df.ts')).systemDf,
  },
  {
    names: ['system prune'],
    group,
    summary: 'Remove all that nothing uses',
    load: async () => (await import('../commands/system-prune.ts')).systemPrune,
  },
  {
    names: ['fsck', 'system fsck'],
    group,
    summary: 'Check everything that is stored',
    load: async () => (await import('../commands/fsck.ts')).fsck,
  },
  {
    names: ['events', 'system events'],
    group,
    summary: 'Show what happens, or happened',
    load: async () => (await import('../commands/events.ts')).events,
  },
  {
    names: ['completion'],
    group,
    summary: 'Print the completion script for a shell',
    load: async () => (await import('../commands/completion.ts')).completion,
  },
  {
    names: ['__complete'],
    group,
    summary: 'Offer words to the shell',
    hidden: true,
    load: async () => (await import('../commands/complete.ts')).complete,
  },
  {
    names: ['internal container-exit'],
    group,
    summary: 'What conmon runs when a container ends',
    hidden: true,
    load: async () => (await import('../commands/internal.ts')).internalContainerExit,
  },
  {
    names: ['internal health-monitor'],
    group,
    summary: 'Run the health checks of all containers',
    hidden: true,
    load: async () => (await import('../commands/internal.ts')).internalHealthMonitor,
  },
];
