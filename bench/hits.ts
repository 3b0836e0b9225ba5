/**
 * What history takes that is in memory: over an open connection, unchanged and after a row of its key; and in the core
 * alone, with no socket and no database. One key of each stream has as many rows as in the benchmark of history at ten
 * million. Pictures of as many widths are asked for in turn, for whoever asks for one again and again within seconds is a storm.
 *
 * Usage: npm run bench -- hits [rounds, default 5]
 */
import { setTimeout as pass } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { readChannels } from '../server/db/history.ts';
import { migrate } from '../server/db/migrate.ts';
import { HistoryCache } from '../server/feed/cache.ts';
import { StreamCache } from '../server/feed/cached.ts';
import { FeedLog } from '../server/feed/log.ts';
import type { Position, SnapshotRequest } from '../server/feed/ports.ts';
import { prepareShared } from '../server/http/text-frame.ts';
import { rowCodec } from '../shared/rows.ts';
import { STREAMS, type StreamDeclaration } from '../shared/streams.ts';
import { startServer } from '../test/support/server.ts';
import { POINTS, RANGES, type RangeName, reading, requestOf } from './history/cases.ts';
import { startFloor, startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';
import { longestMessage, TimedFeed } from './support/round-trips.ts';
import { WebSocketClient } from './support/web-socket-client.ts';

const rounds = Number(process.argv[2] ?? 5);
const WIDTHS = Array.from({ length: 20 }, (_, index) => POINTS + index);
/** Longer than one history is given to several. */
const LATER_MS = 5500;
const WEEK_SECONDS = 604_800;
const KEY = 'BTC/USDT';

/** A chart of one key. `insert` writes a row of it at the time `$1`; `lines` lines of it have `rows` rows in a week. */
interface Chart {
  readonly name: string;
  readonly stream: StreamDeclaration;
  readonly rows: number;
  readonly insert: string;
}

const CHARTS: readonly Chart[] = [
  {
    name: 'one metric',
    stream: STREAMS.system_metrics,
    rows: 200_000,
    insert: `insert into system_metrics ("timestamp", metric_name, metric_value)
      select at, '${KEY}', round((50 + 30 * sin(i / 7000.0) + random())::numeric, 2)`,
  },
  {
    name: 'funding rates of a symbol',
    stream: STREAMS.funding_rates,
    rows: 10_000,
    insert: `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, estimated_rate)
      select at, '${KEY}', (array['binance', 'bybit', 'okx'])[1 + i % 3], 0.0001 * sin(i / 900.0), 0.0001`,
  },
];

const ascending = (a: number, b: number): number => a - b;
const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(1));
function spread(values: readonly number[]): string {
  const sorted = [...values].sort(ascending);
  return `${ms(quantile(sorted, 0.5))} / ${ms(quantile(sorted, 0.95))} / ${ms(sorted.at(-1) ?? Number.NaN)}`;
}

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const client = new pg.Client(server.config);
await client.connect();
for (const { insert, rows } of CHARTS) {
  await client.query(
    `${insert} from generate_series(0, $1::int - 1) i, lateral (select now() - i * make_interval(secs => $2::float8) as at) moment`,
    [rows, WEEK_SECONDS / rows],
  );
}
await client.query('vacuum analyze');
const writeRow = async ({ insert }: Chart): Promise<void> => {
  await client.query(`${insert} from (select now() as at, (random() * 100)::int as i) moment`);
};

const counters = z.object({ counters: z.record(z.string(), z.number()) });
async function historyReads(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/metrics`);
  return counters.parse(await response.json()).counters.snapshot_reads_total ?? 0;
}

/** Writes a row at a time, and waits until a subscriber has it: who asks then asks after a row that the feed has had. */
class Follower {
  readonly #client: WebSocketClient;
  #heard: () => void = () => undefined;

  private constructor(port: number, { stream }: Chart, live: () => void) {
    const path = `/feed?streams=${stream.name}&keys=${encodeURIComponent(KEY)}`;
    const message = (head: string): void => {
      if (head.includes('"synced"')) live();
      if (head.includes('"delta"')) this.#heard();
    };
    this.#client = new WebSocketClient({ port, path }, { message });
  }

  static async open(port: number, chart: Chart): Promise<Follower> {
    return await new Promise((resolve) => {
      const follower: Follower = new Follower(port, chart, () => resolve(follower));
    });
  }

  async row(chart: Chart): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      this.#heard = resolve;
    });
    await writeRow(chart);
    await heard;
  }

  close(): void {
    this.#client.cut();
  }
}

async function endToEnd(port: number, floorPort: number, chart: Chart, range: RangeName): Promise<(string | number)[]> {
  const follower = await Follower.open(port, chart);
  const feed = await TimedFeed.open(port);
  const floor = await TimedFeed.open(floorPort);
  const ask = (points: number): Promise<number> =>
    feed.snapshot({ stream: chart.stream.name, keys: [KEY], range, points, detail: 'values' });
  const first: number[] = [];
  for (const width of WIDTHS) first.push(await ask(width));
  const [pings, floors, later, again, after]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []];
  const path = `/feed?streams=${chart.stream.name}&keys=${encodeURIComponent(KEY)}&range=${range}&points=${POINTS}&detail=values`;
  const bytes = await longestMessage(port, path, false);
  const before = await historyReads(port);
  for (let round = 0; round < rounds; round += 1) {
    await pass(LATER_MS);
    for (const width of WIDTHS) {
      pings.push(await feed.ping());
      floors.push(await floor.snapshot({ bytes }));
      later.push(await ask(width));
      again.push(await ask(width));
    }
    await follower.row(chart);
    for (const width of WIDTHS) after.push(await ask(width));
  }
  const reads = (await historyReads(port)) - before;
  feed.close();
  floor.close();
  follower.close();
  return [chart.name, range, ...[first, pings, floors, later, again, after].map(spread), reads];
}

const SNAPSHOT = { xmin: 1n, xmax: 1n, running: [] };
const POSITION: Position = { run: 'bench~1', all: SNAPSHOT, recent: SNAPSHOT, bound: null, highest: 0n };

/** The core alone: history that was read once, and rows that come by hand. */
async function inProcess(chart: Chart, range: RangeName): Promise<(string | number)[]> {
  const { stream } = chart;
  const log = new FeedLog({ stream: stream.name, codec: rowCodec(stream) }, { rows: 1e5, bytes: 1e8, ageMs: 1e9 });
  log.beginAt(POSITION);
  const cache = new StreamCache(stream, log, new HistoryCache(1e9), prepareShared);
  cache.tell(true);
  let kB = 0;
  const ask = async (): Promise<number> => {
    const start = performance.now();
    const channels = cache.serve({ ...requestOf(KEY, range), now: Date.now() }, log.end);
    if (channels === null) throw new Error('history is not in memory');
    for await (const { body } of channels) kB = body.text.length / 1000;
    return performance.now() - start;
  };
  const read = (request: SnapshotRequest) => readChannels(client, stream, request, { margins: true });
  await reading(client, async () => {
    const held = { position: POSITION, channels: read, release: async () => undefined };
    for await (const _ of cache.read(held, requestOf(KEY, range), log.end, cache.age)) kB = 0;
  });
  const [again, after]: [number[], number[]] = [[], []];
  const values = stream === STREAMS.system_metrics ? ['1.5', null] : ['okx', '0.0001', '0.0001', null];
  for (let turn = 0; turn < rounds * WIDTHS.length; turn += 1) {
    again.push(await ask());
    const [id, now] = [String(1e9 + turn), Date.now()];
    const cells = [id, String(now), KEY, ...values, null, String(now)];
    const series = stream.series === null ? null : 'okx';
    log.append(
      { from: POSITION, to: POSITION, rows: [{ id, time: now, key: KEY, series, cells, xid: 1n }] },
      'notify',
      now,
    );
    after.push(await ask());
  }
  return [chart.name, range, kB.toFixed(1), spread(again), spread(after)];
}

const product = await startProduct(server.url, { DASHBOARD_MAX_FRAMES_PER_SECOND: '100000' });
const floor = await startFloor('floor-answers.ts', server.url);
const wire: (string | number)[][] = [];
const core: (string | number)[][] = [];
for (const chart of CHARTS) {
  for (const range of RANGES) {
    wire.push(await endToEnd(product.port, floor.port, chart, range));
    core.push(await inProcess(chart, range));
  }
}
await floor.stop();
await product.stop();
await client.end();
await server.stop();

publish(
  'hits',
  'History out of memory',
  `npm run bench -- hits${process.argv[2] === undefined ? '' : ` ${rounds}`}`,
  `Ms, p50 / p95 / longest of ${rounds * WIDTHS.length} each, with the client, the server and PostgreSQL on the same machine. Charts of ${POINTS} buckets (and
a few more) of one key, which has as many rows as in [the benchmark of history](history.md) at ten million.

## Over an open connection

From a subscription to its snapshot. First: it is read. Later: it is in memory and unchanged, and was not asked for in the last 5 s, so that a look
and the cache are what it takes. Again: at once after that, while one history is given to several. After a row: a row of the key was delivered just
before; it is put in, and the text is encoded and deflated anew. Ping: the round trip of one. Floor: the least that could answer as much and know that
nothing was committed before the question (support/floor-answers.ts): it asks the database for its snapshot, and sends a text of that length that is at hand. Reads: how often the tables were
read, or a position held open, after the first time.

${table(['chart', 'range', 'first', 'ping', 'floor', 'later', 'again', 'after a row', 'reads'], wire)}

## In the core alone

From the question to the text that is sent, deflated too: no socket, no database, no look.

${table(['chart', 'range', 'kB', 'unchanged', 'after a row'], core)}`,
);
