/**
 * What the dashboard costs those who write: throughput of single-row inserts into a table as it was, into the same table
 * migrated, and into the migrated one while a dashboard follows it. The three take turns in short slices, in another order
 * each round, so that whatever else the machine does falls on all of them; only ratios within a round are compared.
 *
 * Usage: npm run bench -- producers [rounds, default 30] [ms per slice, default 500]
 */
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../server/db/migrate.ts';
import { packageRoot } from '../server/root.ts';
import { fieldSchema } from '../test/support/field-schema.ts';
import { type PrivateServer, startServer } from '../test/support/server.ts';
import { end, startUntil } from './support/process.ts';
import { publish, quantile, table } from './support/report.ts';

const rounds = Number(process.argv[2] ?? 30);
const sliceMs = Number(process.argv[3] ?? 500);
/** Numbers of writers, each with the least ratio of the migrated table to the bare one, and the goal beyond. */
const WRITERS = [
  { count: 1, aim: '0.80, goal 0.90' },
  { count: 8, aim: '0.75, goal 0.80' },
] as const;
const VARIANTS = ['bare', 'migrated', 'followed'] as const;
type Variant = (typeof VARIANTS)[number];

const connect = async (server: PrivateServer, database: string): Promise<pg.Client> => {
  const client = new pg.Client({ ...server.config, database });
  await client.connect();
  return client;
};

/** Inserts with each of the writers without pause for one slice; answers rows a second. */
async function slice(clients: readonly pg.Client[]): Promise<number> {
  const start = performance.now();
  const counts = clients.map(async (client) => {
    let count = 0;
    while (performance.now() - start < sliceMs) {
      await client.query({
        name: 'insert',
        text: `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), $1, $2, $3)`,
        values: ['BTC/USDT', 'binance', '0.0001'],
      });
      count += 1;
    }
    return count;
  });
  const total = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  return total / ((performance.now() - start) / 1000);
}

const quartiles = (values: readonly number[]): [number, number, number] => {
  const sorted = [...values].sort((a, b) => a - b);
  return [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
};
const spread = (values: readonly number[]): string => {
  const [low, median, high] = quartiles(values).map((value) => value.toFixed(2));
  return `${median} (${low} to ${high})`;
};

/** All rounds with one kind of commit; answers a row of the table for each number of writers. */
async function measure(fsync: 'on' | 'off'): Promise<(string | number)[][]> {
  // Vacuum and checkpoints come when they like, which is noise and no cost of the dashboard's.
  const server = await startServer({
    settings: {
      autovacuum: 'off',
      max_wal_size: '16GB',
      checkpoint_timeout: '1h',
      synchronous_commit: 'on',
      fsync,
      full_page_writes: fsync,
    },
  });
  const writers: Record<Variant, pg.Client[]> = { bare: [], migrated: [], followed: [] };
  const admin = await connect(server, 'postgres');
  for (const variant of VARIANTS) {
    await admin.query(`create database ${variant}`);
    writers[variant] = await Promise.all(
      WRITERS.flatMap(({ count }) => Array.from({ length: count }, () => variant)).map((name) => connect(server, name)),
    );
    const [first] = writers[variant];
    if (first !== undefined) await fieldSchema(first);
    if (variant !== 'bare') {
      await migrate({ connection: { ...server.config, database: variant }, report: () => undefined });
    }
  }
  // A NOTIFY that nobody listens for is cheaper, so somebody does on both.
  const listener = await connect(server, 'migrated');
  await listener.query('listen alphapulse_dashboard');
  const followed = new URL(server.url);
  followed.pathname = '/followed';
  const dashboard = await startUntil(
    [process.execPath, join(packageRoot(), 'bin', 'alphapulse-dashboard.mjs'), 'serve', '--port', '0'],
    { DATABASE_URL: followed.href, DB_SSLMODE: 'disable' },
    /ready at http:\/\/(\S+)/,
  );
  const rows: (string | number)[][] = [];
  for (const { count, aim } of WRITERS) {
    const rates: Record<Variant, number[]> = { bare: [], migrated: [], followed: [] };
    // The first round warms up.
    for (let round = -1; round < rounds; round += 1) {
      for (let turn = 0; turn < VARIANTS.length; turn += 1) {
        const variant = VARIANTS[(turn + round + 1) % VARIANTS.length] ?? 'bare';
        const rate = await slice(writers[variant].slice(0, count));
        if (round >= 0) rates[variant].push(rate);
      }
    }
    const ratio = (variant: Variant): string =>
      spread(rates[variant].map((rate, round) => rate / (rates.bare[round] ?? Number.NaN)));
    const median = (variant: Variant): number => Math.round(quartiles(rates[variant])[1]);
    rows.push([fsync, count, median('bare'), median('migrated'), ratio('migrated'), aim, ratio('followed')]);
  }
  await Promise.all([admin, listener, ...Object.values(writers).flat()].map((client) => client.end()));
  await end(dashboard.child);
  await server.dispose();
  return rows;
}

const rows = [...(await measure('on')), ...(await measure('off'))];
publish(
  'producers',
  'What writers pay',
  `npm run bench -- producers ${rounds} ${sliceMs}`,
  `Single-row prepared inserts into \`funding_rates\` with the field's own indexes, each a transaction of its own, by writers that do
nothing else. "Migrated" has the dashboard's column, index and trigger, and somebody listens; "followed" has a dashboard
besides, which takes its share of this machine's processors. Medians of ${rounds} rounds of ${sliceMs} ms, with the quartiles.
PostgreSQL runs with fsync on; with it off, a commit waits for no disk, and what the processor does weighs as much as it can.

${table(
  ['fsync', 'writers', 'bare rows/s', 'migrated rows/s', 'migrated / bare', 'at least', 'followed / bare'],
  rows,
)}`,
);
