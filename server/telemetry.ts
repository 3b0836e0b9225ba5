/**
 * The server's figures for Prometheus: what it counts, how long rows take to be pushed, and how it stands, gathered when
 * they are asked for. Names begin with `alphapulse_`; times are seconds, sizes bytes.
 */
import {
  type Aggregator,
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
} from 'prom-client';
import { SCREEN_PAGES } from '../shared/requests.ts';
import { columnsOf, STREAM_NAMES, STREAMS, type StreamName } from '../shared/streams.ts';
import { type Counters, countedNames, type LabelledCount } from './counted.ts';
import type { Hub } from './feed/hub.ts';
import type { Batch } from './feed/ports.ts';
import { screensNow } from './screens.ts';
import type { ServiceStatus } from './status.ts';

/** Push latencies are counted up to these, in seconds; the aim of a push is some thousandths. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PREFIX = 'alphapulse_';

/** Where a row's cells hold its time of writing, by stream. */
const CREATED_AT = new Map(
  STREAM_NAMES.map((name) => [name, columnsOf(STREAMS[name]).findIndex(({ name: column }) => column === 'created_at')]),
);

/** What is told beside what is observed. */
export interface TelemetrySources {
  readonly counters: Counters;
  readonly hub: Hub;
  readonly status: ServiceStatus;
  /** Connections to the database that are read through. */
  readonly pool: () => { readonly total: number; readonly idle: number; readonly waiting: number };
  readonly version: string;
  readonly build: string;
}

/** Observes pushes, and writes everything out in Prometheus' text format. */
export class Telemetry {
  readonly #registry = new Registry();
  readonly #pushed: Histogram<'stream'>;
  readonly #rows: Counter<'stream' | 'via'>;
  #gather = (): Promise<string> => this.#registry.metrics();

  constructor() {
    const registers = [this.#registry];
    this.#pushed = new Histogram({
      name: `${PREFIX}push_latency_seconds`,
      help: 'From the time of writing that a row carries (created_at: when its transaction began) to its frame being sent, of rows that were rung for',
      labelNames: ['stream'],
      buckets: LATENCY_BUCKETS,
      registers,
    });
    this.#rows = new Counter({
      name: `${PREFIX}stream_rows_total`,
      help: 'Rows delivered, by what found them: notify (the doorbell) or tick (the clock: rows that the doorbell missed)',
      labelNames: ['stream', 'via'],
      registers,
    });
    // What has not happened yet is nought, and not unknown.
    for (const stream of STREAM_NAMES) {
      this.#pushed.zero({ stream });
      for (const via of ['notify', 'tick']) this.#rows.inc({ stream, via }, 0);
    }
  }

  /** Notes a batch that was handed to the subscribers. @param now epoch ms. */
  delivered(stream: StreamName, { rows }: Pick<Batch, 'rows'>, via: string, now: number): void {
    this.#rows.inc({ stream, via }, rows.length);
    if (via !== 'notify') return;
    const index = CREATED_AT.get(stream) ?? -1;
    for (const { cells } of rows) {
      const createdAt = Number(cells[index] ?? Number.NaN);
      // The database's clock may be a little ahead of this machine's.
      if (Number.isFinite(createdAt)) this.#pushed.observe({ stream }, Math.max(0, now - createdAt) / 1000);
    }
  }

  /** Says where the figures that are not observed come from; they are read at each scrape. Call it once. */
  follow(sources: TelemetrySources): void {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    new Gauge({
      name: `${PREFIX}build_info`,
      help: 'The version of the software and the build of its page; always 1',
      labelNames: ['version', 'build'],
      aggregator: 'first',
      registers,
    }).set({ version: sources.version, build: sources.build }, 1);
    // Of several workers: the sum, or what the worst of them says.
    const gauge = (name: string, help: string, read: () => number, aggregator: Aggregator = 'sum'): void => {
      new Gauge({
        name: PREFIX + name,
        help,
        aggregator,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    const byLabel = <L extends string>(
      name: string,
      help: string,
      label: L,
      read: () => Readonly<Record<string, number | null>>,
      aggregator: Aggregator = 'sum',
    ): void => {
      new Gauge({
        name: PREFIX + name,
        help,
        labelNames: [label],
        aggregator,
        registers,
        collect() {
          this.reset();
          for (const [value, number] of Object.entries(read())) if (number !== null) this.labels(value).set(number);
        },
      });
    };
    const { hub, status, pool } = sources;
    gauge('database_up', '1 while the database is reached', () => Number(status.database === 'up'), 'min');
    gauge('doorbell_up', '1 while notifications arrive', () => Number(status.doorbell === 'up'), 'min');
    gauge('clients', 'Connections of the feed', () => hub.clients);
    byLabel('screens', 'Connected pages that tell of themselves', 'page', () => {
      const pages = hub.screens().map(({ page }) => page);
      return Object.fromEntries(SCREEN_PAGES.map((page) => [page, pages.filter((one) => one === page).length]));
    });
    gauge(
      'screens_stuck',
      'Pages that are shown and were not painted for a minute and a half',
      () => screensNow(hub.screens(), Date.now()).filter(({ stuck }) => stuck).length,
    );
    gauge(
      'screens_outdated',
      'Pages of another build than the server has',
      () => hub.screens().filter(({ build }) => build !== sources.build).length,
    );
    gauge('clients_behind', 'Connections that something waits for', () => hub.usage().clients_behind);
    gauge('unacknowledged_bytes', 'Sent to clients and not acknowledged', () => hub.usage().unacknowledged_bytes);
    gauge('history_bytes', 'History that waits in memory to be taken', () => hub.usage().history_bytes);
    gauge('cache_bytes', 'History that is kept for those who ask later', () => hub.usage().cache.bytes);
    byLabel('pool_connections', 'Connections to the database that are read through', 'state', () => ({ ...pool() }));
    byLabel(
      'stream_up',
      '1 while a stream is live',
      'stream',
      () => perStream((name) => Number(status.stream(name).state === 'live')),
      'min',
    );
    byLabel(
      'stream_newest_age_seconds',
      'Since a stream’s newest row arrived',
      'stream',
      () => perStream((name) => seconds(status.newestAgeMs(name))),
      'min',
    );
    byLabel('log_bytes', 'Frames kept for clients that resume', 'stream', () => logs(hub, ({ bytes }) => bytes));
    byLabel(
      'log_age_seconds',
      'Age of the oldest frame that is kept',
      'stream',
      () => logs(hub, ({ age_ms }) => seconds(age_ms)),
      'max',
    );
    const total = (
      name: string,
      help: string,
      labelNames: readonly string[],
      read: () => Iterable<LabelledCount>,
    ): void => {
      new Counter({
        name: PREFIX + name,
        help: `${help}, since start`,
        labelNames,
        registers,
        collect() {
          this.reset();
          for (const { labels, total: amount } of read()) this.inc(labels, amount);
        },
      });
    };
    for (const { name, counted } of countedNames())
      total(name, counted.help, Object.keys(counted.labels ?? {}), () => sources.counters.parts(name));
    total('frames_sent_total', 'Frames written, each to every client that got it', [], () => [
      { labels: {}, total: hub.usage().frames_sent },
    ]);
    total('cache_channels_total', 'Channels of history, by whether memory had them', ['result'], () => {
      const { hits, misses } = hub.usage().cache;
      return [
        { labels: { result: 'hit' }, total: hits },
        { labels: { result: 'miss' }, total: misses },
      ];
    });
  }

  /** Joins the other workers of a server: figures are those of all of them, as `gather` brings them. */
  join(gather: () => Promise<string>): void {
    AggregatorRegistry.setRegistries([this.#registry]);
    // Made for its listener, which answers the first process.
    new AggregatorRegistry();
    this.#gather = gather;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in Prometheus' text format. */
  async read(): Promise<string> {
    return this.#gather();
  }
}

type Logs = ReturnType<Hub['usage']>['logs'];
type LogUsage = NonNullable<Logs[StreamName]>;

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

function perStream<T>(read: (name: StreamName) => T): Record<string, T> {
  return Object.fromEntries(STREAM_NAMES.map((name) => [name, read(name)]));
}

function logs(hub: Hub, read: (usage: LogUsage) => number | null): Record<string, number | null> {
  const { logs: all } = hub.usage();
  return Object.fromEntries(
    STREAM_NAMES.flatMap((name) => {
      const usage = all[name];
      return usage === undefined ? [] : [[name, read(usage)] as const];
    }),
  );
}
