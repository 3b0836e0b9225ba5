/**
 * How long writers wait while a database is migrated, and while the dashboard is taken out again: four of them insert
 * without pause into a table of a million rows, and a transaction that stays open for seconds holds it all the while.
 * Beside it, in the same run, the same writers with nothing else going on.
 *
 * Usage: npm run bench -- migrate [rows, default 1000000]
 */
import pg from 'pg';
import { migrate } from '../server/db/migrate.ts';
import { startServer } from '../test/support/server.ts';
import { publish, quantile, table } from './support/report.ts';

const WRITERS = 4;
const HELD_MS = 4000;
const rowCount = Number(process.argv[2] ?? 1_000_000);

const server = await startServer({ settings: { synchronous_commit: 'on' } });
const admin = await connect();
await admin.query(`
  create table funding_rates (id serial primary key, "timestamp" timestamptz not null, symbol varchar(20) not null,
    exchange varchar(20) not null, funding_rate decimal(10,8) not null, estimated_rate decimal(10,8),
    next_funding_time timestamptz, metadata jsonb, created_at timestamptz default now())`);
await admin.query(
  `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
   select now() - i * interval '1 second', 'S' || i % 100, 'binance', 0.0001 from generate_series(1, $1::int) i`,
  [rowCount],
);
await admin.query('vacuum analyze funding_rates');

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(server.config);
  await client.connect();
  return client;
}

/** Writes without pause until told to stop; answers how long each insert took, in ms. */
async function write(stop: AbortSignal): Promise<number[]> {
  const client = await connect();
  const times: number[] = [];
  while (!stop.aborted) {
    const start = performance.now();
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'S1', 'binance', 0.0001)`,
    );
    times.push(performance.now() - start);
  }
  await client.end();
  return times;
}

/** Keeps a row of an open transaction in the table for a while. */
async function holdOpen(): Promise<void> {
  const client = await connect();
  await client.query('begin');
  await client.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'S2', 'binance', 0.0001)`,
  );
  await new Promise((resolve) => setTimeout(resolve, HELD_MS));
  await client.query('commit');
  await client.end();
}

async function during(what: string, work: () => Promise<void>): Promise<(string | number)[]> {
  const done = new AbortController();
  const writers = Array.from({ length: WRITERS }, () => write(done.signal));
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  done.abort();
  const times = (await Promise.all(writers)).flat().sort((a, b) => a - b);
  const ms = (value: number): string => value.toFixed(1);
  return [
    what,
    seconds.toFixed(1),
    times.length,
    ms(quantile(times, 0.5)),
    ms(quantile(times, 0.999)),
    ms(times.at(-1) ?? 0),
  ];
}

const migrating = (options: { remove?: boolean }): Promise<void> =>
  migrate({ connection: server.config, report: () => undefined, ...options });
const rows = [
  await during('nothing else', holdOpen),
  await during('migrate', async () => void (await Promise.all([holdOpen(), migrating({})]))),
  await during('nothing else, migrated', holdOpen),
  await during('migrate --remove', async () => void (await Promise.all([holdOpen(), migrating({ remove: true })]))),
];
publish(
  'migrate',
  'Writers beside a migration',
  `npm run bench -- migrate ${rowCount}`,
  `Inserts of ${WRITERS} writers without pause into a table of ${rowCount} rows, while a transaction of another holds the table
for ${HELD_MS / 1000} s. The promise is that no writer waits longer than 100 ms.

${table(['meanwhile', 'seconds', 'inserts', 'median ms', 'p99.9 ms', 'longest ms'], rows)}`,
);
await admin.end();
await server.dispose();
