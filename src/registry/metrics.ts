import type { Collector } from './collector.ts';

/** Seconds; requests are as short as a manifest from memory and as long as an upload of gigabytes. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** A request that has ended. */
export interface Ended {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Bytes on the connection. */
  readonly received: number;
  readonly sent: number;
}

interface Histogram {
  readonly buckets: number[];
  count: number;
  sum: number;
}

/** What a registry counts, in Prometheus's text format 0.0.4. No label is anything that a client can choose: their number is bounded. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  readonly #collector: Collector;
  readonly #started = Date.now() / 1000 - process.uptime();
  #running = 0;
  #received = 0;
  #sent = 0;

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  begin(): void {
    this.#running += 1;
  }

  end({ method, route, status, duration, received, sent }: Ended): void {
    this.#running -= 1;
    this.#received += received;
    this.#sent += sent;
    const key = `method="${METHODS.has(method) ? method : 'other'}",route="${route}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    let histogram = this.#durations.get(route);
    if (!histogram) {
      histogram = { buckets: BUCKETS.map(() => 0), count: 0, sum: 0 };
      this.#durations.set(route, histogram);
    }
    const seconds = duration / 1000;
    const index = BUCKETS.findIndex((limit) => seconds <= limit);
    if (index !== -1) histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1;
    histogram.count += 1;
    histogram.sum += seconds;
  }

  text(): string {
    const { user, system } = process.cpuUsage();
    const { last, totals } = this.#collector;
    return [
      ...family('strata_registry_requests_total', 'counter', 'Requests that ended.', [...this.#requests]),
      ...histograms('strata_registry_request_seconds', 'How long requests took.', this.#durations),
      ...one('strata_registry_requests_running', 'gauge', 'Requests that run now.', this.#running),
      ...one('strata_registry_received_bytes_total', 'counter', 'Bytes from clients.', this.#received),
      ...one('strata_registry_sent_bytes_total', 'counter', 'Bytes to clients.', this.#sent),
      ...one('strata_registry_collections_total', 'counter', 'Collections that ended.', totals.count),
      ...one('strata_registry_collected_bytes_total', 'counter', 'Bytes of blobs that collection freed.', totals.bytes),
      ...one(
        'strata_registry_last_collection_timestamp_seconds',
        'gauge',
        'When the last collection ended; 0 before the first.',
        (last?.ended ?? 0) / 1000,
      ),
      ...one('process_cpu_seconds_total', 'counter', 'User and system time.', (user + system) / 1e6),
      ...one('process_resident_memory_bytes', 'gauge', 'Resident memory.', process.memoryUsage.rss()),
      ...one('process_start_time_seconds', 'gauge', 'Start, since 1970.', this.#started),
      '',
    ].join('\n');
  }
}

function one(name: string, type: string, help: string, value: number): string[] {
  return family(name, type, help, [['', value]]);
}

function family(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`),
  ];
}

function histograms(name: string, help: string, routes: ReadonlyMap<string, Histogram>): string[] {
  const lines = family(name, 'histogram', help, []);
  for (const [route, { buckets, count, sum }] of routes) {
    let below = 0;
    for (const [index, limit] of BUCKETS.entries()) {
      below += buckets[index] ?? 0;
      lines.push(`${name}_bucket{route="${route}",le="${limit}"} ${below}`);
    }
    lines.push(`${name}_bucket{route="${route}",le="+Inf"} ${count}`);
    lines.push(`${name}_sum{route="${route}"} ${sum}`, `${name}_count{route="${route}"} ${count}`);
  }
  return lines;
}
