import type { ContainerRecord } from './container.ts';
import { appendEvent } from './events.ts';

/** Journals what happened to a container: its labels, name and image go along, as in Docker's events. */
export function containerEvent(
  root: string,
  container: ContainerRecord,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  appendEvent(root, {
    type: 'container',
    action,
    id: container.id,
    attributes: { ...container.labels, image: container.imageName, name: container.name, ...more },
  });
}
