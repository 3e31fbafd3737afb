import { events as readEvents } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { matchesLabels, matchesValue, parseFilters, parseMoment } from '../filters.ts';
import { formatObject } from '../format.ts';

export const events: Command = command({
  flags: {
    filter: { kind: 'list', short: 'f', description: 'Filter by type, event, container, image, volume, label' },
    format: { kind: 'string', description: 'Print with this Go template, or "json"' },
    since: { kind: 'string', metavar: 'TIME', description: 'From then on: 2026-01-31T12:00:00Z, or 10m ago' },
    until: { kind: 'string', metavar: 'TIME', description: 'Up to then, and end' },
  },
  async run({ flags, signal, print, engine }) {
    const filters = parseFilters(flags.filter, ['type', 'event', 'container', 'image', 'volume', 'label']);
    const moment = (text: string | undefined): number | undefined =>
      text === undefined ? undefined : parseMoment(text).getTime();
    const [since, until] = [moment(flags.since), moment(flags.until)];
    const found = readEvents(await engine(), {
      follow: until === undefined || until > Date.now(),
      signal,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      accept: ({ type, action, id, attributes }) => {
        const is = (key: 'container' | 'image' | 'volume'): boolean =>
          !filters.has(key) ||
          matchesValue(
            filters,
            key,
            ...(type === key
              ? [id, id.slice(0, 12), attributes['name']]
              : [key === 'image' ? attributes['image'] : undefined]),
          );
        return (
          matchesValue(filters, 'type', type) &&
          matchesValue(filters, 'event', action) &&
          is('container') &&
          is('image') &&
          is('volume') &&
          matchesLabels(filters, attributes)
        );
      },
    });
    for await (const { type, action, id, attributes, time } of found) {
      if (flags.format !== undefined) {
        const shown = {
          Type: type,
          Action: action,
          Actor: { ID: id, Attributes: attributes },
          scope: 'local',
          time: Math.floor(time / 1000),
          timeNano: time * 1e6,
          status: action,
          id,
        };
        print(formatObject(shown, flags.format));
        continue;
      }
      const details = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
      print(
        `${new Date(time).toISOString()} ${type} ${action} ${id}${details.length > 0 ? ` (${details.join(', ')})` : ''}`,
      );
    }
  },
});
