/**
 * Everybody comes back at once: thousands of clients connect within two seconds, each for the same chart. In the first
 * round each asks for its history, in the second each resumes from a cursor that is some rows old. Beside them, in the same
 * run, the same clients at a server that knows nothing and sends one buffer of that length to each.
 *
 * Usage: npm run bench -- storm [clients, default 3000] [rounds, default 5]
 */
import pg from 'pg';
import WebSocket from 'ws';
import { z } from 'zod';
import { migrate } from '../server/db/migrate.ts';
import { startServer } from '../test/support/server.ts';
import { Fleet } from './support/fleet.ts';
import { type Measured, startFloor, startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';

const clients = Number(process.argv[2] ?? 3000);
const rounds = Number(process.argv[3] ?? 5);
const SPREAD_MS = 2000;
/** A week of 20 lines, one row a minute: a snapshot of some 85 kB. */
const ROWS = { series: 4, perSeries: 1400 };
const MISSED_ROWS = 50;
const KEY = 'BTC/USDT';
const QUERY = `streams=anomalies&keys=${encodeURIComponent(KEY)}&detail=values`;
const CHART = `/feed?${QUERY}&range=24h&points=400`;

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const writer = new pg.Client(server.config);
await writer.connect();
await writer.query(
  `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
   select now() - i * interval '1 minute', $1, 'type' || s, 100 + random(), random() * 6 - 3
   from generate_series(1, $2::int) s, generate_series(0, $3::int) i`,
  [KEY, ROWS.series, ROWS.perSeries],
);
await writer.query('vacuum analyze anomalies');
const product = await startProduct(server.url);

const counters = z.object({ counters: z.record(z.string(), z.number()) });
/** How often history was read from the tables so far. */
async function historyReads(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${product.port}/api/metrics`);
  return counters.parse(await response.json()).counters.snapshot_reads_total ?? 0;
}

const frame = z.object({ type: z.string(), cursor: z.string().optional() });
/** One client's round trip: the length of what it was sent first, and the cursor at which it was in sync. */
async function once(path: string): Promise<{ bytes: number; cursor: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${product.port}${path}`, { perMessageDeflate: false });
  let bytes = 0;
  const cursor = await new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const text = String(data);
      bytes += text.length;
      const { type, cursor } = frame.parse(JSON.parse(text));
      if (type === 'synced') resolve(cursor ?? '');
    });
  });
  socket.terminate();
  return { bytes, cursor };
}

/** What one storm took: sorted ms from connecting to being in sync, the server's processor ms, and its queries for history. */
interface Storm {
  readonly times: readonly number[];
  /** Clients that were cut before they were in sync. */
  readonly failed: number;
  readonly cpuMs: number;
  readonly reads: number;
}

async function storm(measured: Measured, path: string, deflate: boolean): Promise<Storm> {
  const fleet = new Fleet(2);
  const before = { usage: await measured.usage(), reads: await historyReads() };
  const { times, failed } = await fleet.open({
    port: measured.port,
    path,
    count: clients,
    spreadMs: SPREAD_MS,
    deflate,
  });
  const after = { usage: await measured.usage(), reads: await historyReads() };
  await fleet.end();
  return {
    times: [...times].sort((a, b) => a - b),
    failed,
    cpuMs: after.usage.cpuMs - before.usage.cpuMs,
    reads: after.reads - before.reads,
  };
}

/** Lets the snapshot of the round before go stale, so that each round has to read one. */
async function change(rows: number): Promise<void> {
  for (let i = 0; i < rows; i += 1) {
    await writer.query({
      name: 'insert',
      text: `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), $1, 'type1', 100, 1)`,
      values: [KEY],
    });
  }
}

const { bytes } = await once(CHART);
const floor = await startFloor('floor-sockets.ts', '300', String(bytes));
const kinds = ['floor', 'history', 'history, compressed', 'resumed'] as const;
const storms: Record<(typeof kinds)[number], Storm[]> = {
  floor: [],
  history: [],
  'history, compressed': [],
  resumed: [],
};
for (let round = 0; round < rounds; round += 1) {
  storms.floor.push(await storm(floor, '/', false));
  await change(1);
  storms.history.push(await storm(product, CHART, false));
  await change(1);
  storms['history, compressed'].push(await storm(product, CHART, true));
  const { cursor } = await once(`/feed?${QUERY}`);
  await change(MISSED_ROWS);
  storms.resumed.push(
    await storm(product, `/feed?${QUERY}&range=24h&points=400&since=${encodeURIComponent(cursor)}`, false),
  );
  console.error(
    kinds.map((kind) => `${kind}: ${quantile(storms[kind].at(-1)?.times ?? [], 0.99).toFixed(0)}`).join(', '),
  );
}

const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
const rows = kinds.map((kind) => {
  const at = (q: number): string => median(storms[kind].map(({ times }) => quantile(times, q))).toFixed(0);
  const worst = Math.max(...storms[kind].map(({ times }) => quantile(times, 0.99))).toFixed(0);
  const cpu = median(storms[kind].map(({ cpuMs }) => cpuMs)) / SPREAD_MS;
  const reads = kind === 'floor' ? '' : storms[kind].map((each) => each.reads).join(', ');
  const failed = storms[kind].reduce((sum, each) => sum + each.failed, 0);
  return [kind, at(0.5), at(0.99), worst, failed, `${(cpu * 100).toFixed(0)}%`, reads];
});
publish(
  'storm',
  'Everybody comes back at once',
  `npm run bench -- storm ${clients} ${rounds}`,
  `${clients} clients connect within ${SPREAD_MS / 1000} s, ${rounds} times; ms from connecting to \`synced\`, medians of the rounds. "History" sends each a
snapshot of ${(bytes / 1000).toFixed(0)} kB, "resumed" the ${MISSED_ROWS} rows since its cursor; the floor sends a buffer of the snapshot's length to raw sockets.
The clients run on the same processors. A p99 below 200 ms is asked for, and one query for each distinct snapshot.

${table(['', 'median ms', 'p99 ms', 'p99 of the worst round', 'cut', 'of a processor', 'queries for history, by round'], rows)}`,
);
await writer.end();
await Promise.all([product.stop(), floor.stop()]);
await server.dispose();
