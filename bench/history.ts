/**
 * How long history takes to read, and whether it is right: each chart over each range, cold and warm, with rollups and
 * without, beside all its rows as the earlier dashboard read them, in the same run; what is sent, what it weighs on the
 * wire, what it takes when it is in memory already; and the lists of symbols and keys. Everything that is served is held
 * against M4 of all the rows.
 *
 * Usage: npm run bench -- history [--rows 10000000] [--streams system_metrics,...] [--database URL [--restart COMMAND]] [--keep]
 */

import { brotliCompressSync, constants } from 'node:zlib';
import type pg from 'pg';
import { Spacings } from '../server/db/history/spacings.ts';
import { migrate } from '../server/db/migrate.ts';
import { listKeys, SYMBOL_STREAMS } from '../server/db/symbols.ts';
import { STREAMS } from '../shared/streams.ts';
import { seeded } from '../test/support/random.ts';
import type { Case, RangeName } from './history/cases.ts';
import {
  CASES,
  copiedRows,
  POINTS,
  plainSnapshots,
  RANGES,
  rawRows,
  reading,
  requestOf,
  servedBytes,
  snapshots,
} from './history/cases.ts';
import { copyDatabase, keysOf, loadedDatabase, nameOf, renameDatabase, streamsOf, topUp } from './history/dataset.ts';
import { type Comparison, compare, differing } from './history/exact.ts';
import { commandOf, historyOptions } from './history/options.ts';
import { openPlace } from './history/place.ts';
import { sizesOf, untilRolledUp } from './history/rollups.ts';
import { TimedConnection } from './history/timed.ts';
import { startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';
import { getTimes, longestMessage, TimedFeed } from './support/round-trips.ts';

const options = historyOptions(10_000_000);
/** Of more rows there is one database: the copy without the dashboard is not kept, and all rows are read more seldom. */
const MOST_COPIED = 20_000_000;
const isLarge = options.rows > MOST_COPIED;
/** How often each is measured; of what reads a whole week of rows, fewer. */
const WARM = isLarge ? { single: 100, every: 5 } : { single: 200, every: 10 };
const COLD_ROUNDS = 3;
const PLAIN_EACH = isLarge ? 25 : 5;
const RAW_EACH = isLarge ? 25 : 10;
const COMPARED_KEYS = isLarge ? 1 : 5;
const LISTS = 50;
const HITS = 200;

const random = seeded(20_261_122);
const place = await openPlace(options);
const name = nameOf('history', options);
const streams = streamsOf(options);
const charts = CASES.filter(({ stream }) => streams.includes(stream));

async function exists(): Promise<boolean> {
  const admin = await place.connect('postgres');
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [name]);
  await admin.end();
  return rowCount !== 0;
}

/** Makes the database where it is not there, brings it up to now, and lets the server build its rollups. */
async function prepare(): Promise<void> {
  if (!(await exists())) {
    const loaded = await loadedDatabase(place, options);
    if (isLarge) await renameDatabase(place, loaded, name);
    else await copyDatabase(place, loaded, name);
  }
  await migrate({ connection: { connectionString: place.url(name) }, report: () => undefined });
  const client = await place.connect(name);
  const product = await startProduct(place.url(name));
  try {
    await untilRolledUp(client, streams);
    // What was written meanwhile, too.
    while ((await topUp(client, options)) > options.rows / 1000) await untilRolledUp(client, streams);
    // As autovacuum leaves tables that are this large: what came since the load is not known to be visible to all before.
    await client.query('vacuum analyze');
  } finally {
    await product.stop();
    await client.end();
  }
}

/** Sorted ms of each way to read a chart over a range. */
interface Timing {
  readonly cold: number[];
  readonly warm: number[];
  /** The same by the clock, with what the reader does with the answers. */
  readonly wall: number[];
  readonly plain: number[];
  readonly raw: number[];
  /** Of all rows copied out, which nothing that sends them all undercuts. */
  readonly copied: number[];
  rows: number;
}

const timings = new Map<string, Timing>();
const labelOf = (chart: Case, range: RangeName): string => `${chart.name} | ${range}`;
function timingOf(chart: Case, range: RangeName): Timing {
  const known = timings.get(labelOf(chart, range));
  if (known !== undefined) return known;
  const made: Timing = { cold: [], warm: [], wall: [], plain: [], raw: [], copied: [], rows: 0 };
  timings.set(labelOf(chart, range), made);
  return made;
}

const keys = new Map<string, readonly string[]>();
const someKey = (chart: Case): string | null => {
  const list = keys.get(chart.stream) ?? [];
  return chart.every ? null : (list[Math.floor(random() * list.length)] ?? null);
};

async function measureCold(): Promise<string> {
  let how = '';
  for (const chart of charts) {
    for (const range of RANGES) {
      for (let round = 0; round < COLD_ROUNDS; round += 1) {
        how = await place.coolDown();
        const connection = await TimedConnection.open(place, name);
        const request = requestOf(someKey(chart), range);
        await reading(connection.client, async () => {
          const { sqlMs } = await connection.measure(() => servedBytes(connection.preparing, chart, request, {}));
          timingOf(chart, range).cold.push(sqlMs);
        });
        await connection.end();
      }
    }
  }
  return how;
}

async function measureWarm(connection: TimedConnection): Promise<void> {
  for (const chart of charts) {
    for (const range of RANGES) {
      const timing = timingOf(chart, range);
      const remembering = { spacings: new Spacings() };
      const count = chart.every ? WARM.every : WARM.single;
      const picked = Array.from({ length: count }, () => someKey(chart));
      // What is warm has been read before.
      for (const key of new Set(picked)) {
        await reading(connection.client, async () => {
          await servedBytes(connection.preparing, chart, requestOf(key, range), remembering);
        });
      }
      for (const key of picked) {
        const request = requestOf(key, range);
        await reading(connection.client, async () => {
          const rolled = await connection.measure(() => servedBytes(connection.preparing, chart, request, remembering));
          timing.warm.push(rolled.sqlMs);
          timing.wall.push(rolled.wallMs);
        });
      }
      // After them, for what reads all rows pushes everything else out of the server's cache. A hundred million are not read.
      const compared = isLarge && chart.every ? [] : picked;
      for (const [turn, key] of compared.entries()) {
        if (turn % PLAIN_EACH !== 0) continue;
        const request = requestOf(key, range);
        await reading(connection.client, async () => {
          const plain = await connection.measure(() =>
            servedBytes(connection.preparing, chart, request, { ...remembering, rollups: false }),
          );
          timing.plain.push(plain.sqlMs);
          if (!chart.every) {
            const copied = await connection.measure(() => copiedRows(connection.client, chart, request));
            timing.copied.push(copied.sqlMs);
          }
          if (turn % RAW_EACH !== 0) return;
          const raw = await connection.measure(() => rawRows(connection.client, chart, request, !isLarge));
          timing.raw.push(raw.sqlMs);
          timing.rows = Math.max(timing.rows, raw.result);
        });
      }
      console.error(`${labelOf(chart, range)}: ${ms(quantile([...timing.warm].sort(ascending), 0.5))} ms`);
    }
  }
}

/** Compares what is served with all the rows, and with what is served without rollups. */
async function compareAll(connection: TimedConnection): Promise<Comparison & { readonly charts: number }> {
  const { client } = connection;
  let [rows, served, compared] = [0, 0, 0];
  const differences: string[] = [];
  for (const chart of charts) {
    for (const range of RANGES) {
      const turns = !chart.every ? COMPARED_KEYS : isLarge ? 0 : 1;
      for (let turn = 0; turn < turns; turn += 1) {
        const request = requestOf(someKey(chart), range);
        await reading(client, async () => {
          const rolled = await snapshots(client, chart, request);
          const found = await compare(client, chart, request, rolled);
          rows += found.rows;
          served += found.served;
          compared += rolled.size;
          differences.push(...found.differences);
          for (const key of differing(rolled, await plainSnapshots(client, chart, request))) {
            differences.push(`${labelOf(chart, range)} ${key}: differs without rollups`);
          }
        });
      }
    }
  }
  return { rows, served, charts: compared, differences };
}

const ascending = (a: number, b: number): number => a - b;
const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(1));
const kB = (bytes: number): string => (bytes / 1000).toFixed(1);
/** `p50 / p95 / longest` */
function spread(values: readonly number[]): string {
  if (values.length === 0) return '';
  const sorted = [...values].sort(ascending);
  return `${ms(quantile(sorted, 0.5))} / ${ms(quantile(sorted, 0.95))} / ${ms(sorted.at(-1) ?? Number.NaN)}`;
}

/** Bytes of a chart's frame that no encoding of the same rows does without: its timestamps, and all of it by a stronger compressor. */
async function leastOf(
  client: pg.Client,
  chart: Case,
  key: string,
  range: RangeName,
): Promise<{ timestamps: number; brotli: number }> {
  return await reading(client, async () => {
    const [text = ''] = [...(await snapshots(client, chart, requestOf(key, range))).values()];
    const columns = [...text.matchAll(/"timestamp":\[([^\]]*)\]/g)];
    return {
      timestamps: columns.reduce((sum, [, times = '']) => sum + times.length, 0),
      brotli: brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
    };
  });
}

/** Frames of single charts, their bytes, and what a hit takes, from a server that runs. */
async function measureWire(): Promise<{
  frames: (string | number)[][];
  hits: (string | number)[][];
  lists: string[][];
}> {
  const product = await startProduct(place.url(name), { DASHBOARD_MAX_FRAMES_PER_SECOND: '100000' });
  const client = await place.connect(name);
  try {
    const { port } = product;
    const frames: (string | number)[][] = [];
    const hits: (string | number)[][] = [];
    for (const chart of charts.filter(({ every }) => !every)) {
      for (const range of RANGES) {
        const key = someKey(chart) ?? '';
        const path = `/feed?streams=${chart.stream}&keys=${encodeURIComponent(key)}&range=${range}&points=${POINTS}&detail=values`;
        const plain = await longestMessage(port, path, false);
        const { timestamps, brotli } = await leastOf(client, chart, key, range);
        frames.push([
          chart.name,
          range,
          kB(plain),
          kB(timestamps),
          kB(await longestMessage(port, path, true)),
          kB(brotli),
        ]);
        const feed = await TimedFeed.open(port);
        const subscription = { stream: chart.stream, keys: [key], range, points: POINTS, detail: 'values' };
        const first = await feed.snapshot({ ...subscription, keys: [someKey(chart)] });
        const [again, pings]: [number[], number[]] = [[], []];
        for (let turn = 0; turn < HITS; turn += 1) {
          pings.push(await feed.ping());
          again.push(await feed.snapshot(subscription));
        }
        feed.close();
        hits.push([chart.name, range, ms(first), spread(again), spread(pings)]);
      }
    }
    const lists: string[][] = [];
    const list = async (path: string, sql: (() => Promise<unknown>) | null): Promise<void> => {
      const times = await getTimes(port, path, LISTS);
      const own: number[] = [];
      for (let turn = 0; sql !== null && turn < LISTS; turn += 1) {
        const start = performance.now();
        await sql();
        own.push(performance.now() - start);
      }
      lists.push([path, spread(times), own.length === 0 ? '' : spread(own)]);
    };
    await list('/api/health/live', null);
    await list('/api/symbols', async () => {
      for (const stream of SYMBOL_STREAMS) await listKeys(client, stream);
    });
    for (const stream of streams.slice(0, 2)) {
      await list(`/api/streams/${stream}/keys`, () => listKeys(client, STREAMS[stream]));
    }
    return { frames, hits, lists };
  } finally {
    await client.end();
    await product.stop();
  }
}

await prepare();
let connection = await TimedConnection.open(place, name);
for (const { stream } of charts) keys.set(stream, await keysOf(connection.client, stream));
const sizes = await sizesOf(connection.client, streams);
await connection.end();
const cooled = await measureCold();
connection = await TimedConnection.open(place, name);
await measureWarm(connection);
const compared = await compareAll(connection);
await connection.end();
const wire = await measureWire();

const rows = charts.flatMap((chart) =>
  RANGES.map((range) => {
    const { cold, warm, wall, plain, raw, copied, rows: count } = timingOf(chart, range);
    return [
      chart.name,
      range,
      count === 0 ? '' : count,
      spread(warm),
      spread(wall),
      spread(cold),
      spread(plain),
      spread(copied),
      spread(raw),
    ];
  }),
);
publish(
  isLarge ? 'history-large' : 'history',
  'The past of a chart',
  commandOf('history', options),
  `${place.description}. ${options.rows} rows of 50 metrics${
    streams.length === 1
      ? ''
      : ' and as many of 1,000 symbols on three exchanges, and a twentieth as many in two further streams'
  }, over all
seven days, written in order of time. Charts of ${POINTS} buckets, of random keys.

## SQL

Ms that the server spent on all statements of a snapshot: p50 / p95 / longest. "With the reader" is by the clock, with decoding
and encoding. Cold: ${cooled}, ${COLD_ROUNDS} times each. "No rollups" is the
same reduction from the rows themselves; "copied": the values of all the chart's rows by one statement, in binary, in no order and not
reduced, the least that an answer takes from which no row may be left out; "all rows" is what the earlier dashboard did, in the same run${isLarge ? ' (read by the server, and not sent)' : ''}. Aims: p95 of at most
25 ms for every range, of 15 ms at 7 d for one key.

${table(['chart', 'range', 'rows', 'SQL, warm', 'with the reader', 'SQL, cold', 'SQL, no rollups', 'SQL, copied', 'SQL, all rows'], rows)}

What was served against M4 of all the rows: ${compared.charts} charts, ${compared.served} rows served of ${compared.rows};
${compared.differences.length} differences.
${compared.differences.slice(0, 20).join('\n')}

## Frames

A snapshot's frame in kB, as it is and on the wire of a client that negotiated compression (aims: 150 and 15). What cannot be
undercut, in the same rows: the digits of their timestamps alone, of which the feed has every row's, to the microsecond; and the whole frame by brotli
at its strongest, which WebSocket does not offer and which takes a hundred times as long as deflate. Then ms from a
subscription to its snapshot over an open connection: the first of another key, those that follow for one key (p50 / p95 / longest; a
storm, which is given one history without a look: what others wait for is in [hits](hits.md)), and the round trip of a ping as the floor.

${table(['chart', 'range', 'kB', 'of them timestamps', 'kB compressed', 'by brotli'], wire.frames)}

${table(['chart', 'range', 'first', 'again', 'ping'], wire.hits)}

## Lists

Ms of a GET, and of its SQL by the clock of a client: p50 / p95 / longest. Aim: under 10 ms.

${table(['path', 'GET', 'SQL'], wire.lists)}

## Sizes

${table(
  ['', 'MB', 'rows or packs'],
  sizes.map(({ what, bytes, count }) => [what, (bytes / 1e6).toFixed(1), count ?? '']),
)}`,
);
await place.dispose();
