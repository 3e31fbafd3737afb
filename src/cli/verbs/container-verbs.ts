import type { Verb } from '../command.ts';

const group = 'Containers';

/** Rows of the verb table: their files are loaded when they run. */
export const containerVerbs: readonly Verb[] = [
  {
    names: ['run', 'container run'],
    group,
    summary: 'Make and start a container',
    load: async () => (await import('../commands/run.ts')).run,
  },
  {
    names: ['exec', 'container exec'],
    group,
    summary: 'Run a command in a running container',
    load: async () => (await import('../commands/exec.ts')).exec,
  },
  {
    names: ['ps', 'container ls', 'container list', 'container ps'],
    group,
    summary: 'List containers',
    load: async () => (await import('../commands/ps.ts')).ps,
  },
  {
    names: ['logs', 'container logs'],
    group,
    summary: 'Show what a container wrote',
    load: async () => (await import('../commands/logs.ts')).logs,
  },
  {
    names: ['attach', 'container attach'],
    group,
    summary: 'Connect to a container that runs in the background',
    load: async () => (await import('../commands/attach.ts')).attach,
  },
  {
    names: ['start', 'container start'],
    group,
    summary: 'Start containers',
    load: async () => (await import('../commands/start.ts')).start,
  },
  {
    names: ['stop', 'container stop'],
    group,
    summary: 'Stop containers',
    load: async () => (await import('../commands/lifecycle.ts')).stop,
  },
  {
    names: ['restart', 'container restart'],
    group,
    summary: 'Stop and start containers',
    load: async () => (await import('../commands/lifecycle.ts')).restart,
  },
  {
    names: ['kill', 'container kill'],
    group,
    summary: 'Send a signal to containers',
    load: async () => (await import('../commands/lifecycle.ts')).kill,
  },
  {
    names: ['pause', 'container pause'],
    group,
    summary: 'Freeze all processes of containers',
    load: async () => (await import('../commands/lifecycle.ts')).pause,
  },
  {
    names: ['unpause', 'container unpause'],
    group,
    summary: 'Let frozen containers go on',
    load: async () => (await import('../commands/lifecycle.ts')).unpause,
  },
  {
    names: ['wait', 'container wait'],
    group,
    summary: 'Wait for the end of containers and print their exit codes',
    load: async () => (await import('../commands/lifecycle.ts')).wait,
  },
  {
    names: ['create', 'container create'],
    group,
    summary: 'Make a container',
    load: async () => (await import('../commands/create.ts')).create,
  },
  {
    names: ['rm', 'container rm', 'container remove'],
    group,
    summary: 'Remove containers',
    load: async () => (await import('../commands/rm.ts')).rm,
  },
  {
    names: ['rename', 'container rename'],
    group,
    summary: 'Rename a container',
    load: async () => (await import('../commands/lifecycle.ts')).rename,
  },
  {
    names: ['update', 'container update'],
    group,
    summary: 'Change limits and restart policies',
    load: async () => (await import('../commands/update.ts')).update,
  },
  {
    names: ['cp', 'container cp'],
    group,
    summary: 'Copy files between a container and this machine',
    load: async () => (await import('../commands/cp.ts')).cp,
  },
  {
    names: ['export', 'container export'],
    group,
    summary: 'Write a container’s file system into an archive',
    load: async () => (await import('../commands/export.ts')).exportCommand,
  },
  {
    names: ['container prune'],
    group,
    summary: 'Remove all containers that do not run',
    load: async () => (await import('../commands/container-prune.ts')).containerPrune,
  },
  {
    names: ['volume create'],
    group,
    summary: 'Make a volume',
    load: async () => (await import('../commands/volume.ts')).volumeCreate,
  },
  {
    names: ['volume ls', 'volume list'],
    group,
    summary: 'List volumes',
    load: async () => (await import('../commands/volume.ts')).volumeList,
  },
  {
    names: ['volume inspect'],
    group,
    summary: 'Show all that is known of volumes',
    load: async () => (await import('../commands/volume.ts')).volumeInspect,
  },
  {
    names: ['volume rm', 'volume remove'],
    group,
    summary: 'Remove volumes',
    load: async () => (await import('../commands/volume.ts')).volumeRemove,
  },
  {
    names: ['volume prune'],
    group,
    summary: 'Remove unused volumes',
    load: async () => (await import('../commands/volume.ts')).volumePrune,
  },
];
