import { type Container, type Health, healthOf } from '../runtime/index.ts';
import { formatDuration } from './humanize.ts';

/** `Up 5 minutes`, `Exited (0) 2 hours ago`: as docker ps has it. */
export function statusOf(container: Container, now: Date = new Date()): string {
  const { state } = container;
  const since = (moment: string | undefined): string =>
    formatDuration(now.getTime() - Date.parse(moment ?? now.toISOString()));
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(state.startedAt)}${healthText(healthOf(container))}`;
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthText(health: Health | undefined): string {
  if (!health) return '';
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}
