/**
 * From a committed row to a frame in a subscriber's hands, at several rates, beside the floor: a bare LISTEN whose payload
 * is sent on as it is. Both receive the same rows in the same run; the dashboard reads them by its cursor.
 *
 * Usage: npm run bench -- latency [seconds per rate, default 10]
 */
import { join } from 'node:path';
import pg from 'pg';
import WebSocket from 'ws';
import { z } from 'zod';
import { migrate } from '../server/db/migrate.ts';
import { packageRoot } from '../server/root.ts';
import { startServer } from '../test/support/server.ts';
import { end, startUntil } from './support/process.ts';
import { publish, quantile, table } from './support/report.ts';

const RATES = [10, 200, 1000];
const WRITERS = 4;
const seconds = Number(process.argv[2] ?? 10);

const delta = z.object({ type: z.literal('delta'), rows: z.array(z.object({ id: z.number() })) });
const floorRow = z.object({ id: z.number() });

/** When a row's commit was answered to its writer and when it reached the two subscribers, in ms of this process's clock. */
interface Journey {
  sent: number;
  committed: number;
  dashboard: number;
  floor: number;
}

const journeys = new Map<number, Journey>();
const journey = (id: number): Journey => {
  const known = journeys.get(id);
  if (known !== undefined) return known;
  const fresh = { sent: Number.NaN, committed: Number.NaN, dashboard: Number.NaN, floor: Number.NaN };
  journeys.set(id, fresh);
  return fresh;
};

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const admin = new pg.Client(server.config);
await admin.connect();
await admin.query(`
  create function floor() returns trigger language plpgsql as $$ begin
    perform pg_notify('floor', row_to_json(new)::text); return null; end $$;
  create trigger floor after insert on system_metrics for each row execute function floor()`);

const program = join(packageRoot(), 'bin', 'alphapulse-dashboard.mjs');
const dashboard = await startUntil(
  [process.execPath, program, 'serve', '--port', '0'],
  { DATABASE_URL: server.url, DB_SSLMODE: 'disable' },
  /ready at http:\/\/(\S+)/,
);
const floor = await startUntil(
  [process.execPath, '--import', 'tsx', join(packageRoot(), 'bench/support/floor-server.ts'), server.url],
  {},
  /ready (\S+)/,
);

const feed = new WebSocket(`ws://${dashboard.match}/feed?streams=system_metrics&detail=values`);
const bare = new WebSocket(floor.match);
feed.on('message', (data) => {
  const now = performance.now();
  const frame = delta.safeParse(JSON.parse(String(data)));
  if (frame.success) for (const { id } of frame.data.rows) journey(id).dashboard = now;
});
bare.on('message', (data) => {
  journey(floorRow.parse(JSON.parse(String(data))).id).floor = performance.now();
});
await Promise.all([feed, bare].map((socket) => new Promise((resolve) => socket.once('open', resolve))));

const writers = await Promise.all(
  Array.from({ length: WRITERS }, async () => {
    const client = new pg.Client(server.config);
    await client.connect();
    return client;
  }),
);

async function insert(writer: pg.Client): Promise<void> {
  const sent = performance.now();
  const { rows } = await writer.query<{ id: number }>({
    name: 'insert',
    text: `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'bench', 1) returning id`,
  });
  const entry = journey(rows[0]?.id ?? Number.NaN);
  entry.sent = sent;
  entry.committed = performance.now();
}

/** Inserts at a steady rate whatever the answers take, as independent writers do. */
async function run(rate: number): Promise<Journey[]> {
  journeys.clear();
  const start = performance.now();
  const total = rate * seconds;
  const pending: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate));
      while (pending.length < due) {
        const writer = writers[pending.length % writers.length];
        if (writer !== undefined) pending.push(insert(writer));
      }
      if (pending.length >= total) {
        clearInterval(timer);
        resolve();
      }
    }, 1);
  });
  await Promise.all(pending);
  const deadline = performance.now() + 15_000;
  const complete = (): boolean => [...journeys.values()].every((each) => !Number.isNaN(each.dashboard + each.floor));
  while (!complete() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  return [...journeys.values()];
}

const figures = (values: readonly number[]): string[] => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return [quantile(sorted, 0.5), quantile(sorted, 0.99)].map((value) => value.toFixed(2));
};

await run(50);
const rows: (string | number)[][] = [];
for (const rate of RATES) {
  const all = await run(rate);
  const missed = all.filter((each) => Number.isNaN(each.dashboard)).length;
  const ours = figures(all.map((each) => each.dashboard - each.sent));
  const theirs = figures(all.map((each) => each.floor - each.sent));
  const afterCommit = figures(all.map((each) => Math.max(0, each.dashboard - each.committed)));
  rows.push([
    rate,
    all.length,
    missed,
    ...ours,
    ...theirs,
    (Number(ours[0]) / Number(theirs[0])).toFixed(2),
    ...afterCommit,
  ]);
}
publish(
  'latency',
  'Insert to frame',
  `npm run bench -- latency ${seconds}`,
  `Times in ms from sending the INSERT to holding the frame, so the commit itself is in them; the last two columns are from
the commit's answer to the frame. One subscriber, ${WRITERS} writers, PostgreSQL, server and floor each a process of its own.
The floor is a row trigger that notifies the row, one LISTEN, and \`ws\`; its trigger slows the writers of both.

${table(
  [
    'rows/s',
    'rows',
    'missed',
    'median',
    'p99',
    'floor median',
    'floor p99',
    'ratio of medians',
    'commit to frame, median',
    'p99',
  ],
  rows,
)}`,
);

for (const socket of [feed, bare]) socket.terminate();
await Promise.all([admin, ...writers].map((client) => client.end()));
await Promise.all([end(dashboard.child), end(floor.child)]);
await server.dispose();
