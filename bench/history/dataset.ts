/**
 * Seven days of a large shop, written in order of time as a pipeline writes them, so that the rows of one line lie far
 * apart: 50 metrics, 1,000 symbols on three exchanges each, and a twentieth as many rows in two further streams.
 */
import pg from 'pg';
import type { StreamName } from '../../shared/streams.ts';
import type { Place } from './place.ts';

/** A table of the data set: row `i` belongs to line `i % lines`, and comes `i * step` after the first. */
interface Part {
  readonly stream: StreamName;
  readonly lines: number;
  /** Its rows, as a fraction of those of a large table. */
  readonly share: number;
  readonly ddl: string;
  /** Columns beside `timestamp` and `created_at`, with their values for row `i` of line `line` at `t` (seconds). */
  readonly columns: string;
  readonly values: string;
  readonly keys: string;
}

/** In [0, 1), without a pattern, and the same whenever the same row is made. */
const NOISE = '((hashint8(i) & 65535) / 65536.0)';
const wave = (seconds: number): string => `sin(t / ${seconds}.0 + line)`;
const SYMBOL = `'S' || lpad(`;

/** Metrics, as many as the field has in a large shop. */
export const METRICS = 50;
export const SYMBOLS = 1000;
/** Symbols of the two smaller streams. */
const TRADED = 20;

const common = 'metadata jsonb, created_at timestamptz default now()';
const PARTS: readonly Part[] = [
  {
    stream: 'system_metrics',
    lines: METRICS,
    share: 1,
    ddl: `metric_name varchar(100) not null, metric_value double precision not null, metric_unit varchar(20), ${common}`,
    columns: 'metric_name, metric_value, metric_unit',
    values: `'metric_' || lpad(line::text, 2, '0'), round((50 + 30 * ${wave(7000)} + 5 * ${NOISE})::numeric, 2), '%'`,
    keys: `select 'metric_' || lpad(i::text, 2, '0') from generate_series(0, ${METRICS - 1}) i`,
  },
  {
    stream: 'funding_rates',
    lines: 3 * SYMBOLS,
    share: 1,
    ddl: `symbol varchar(20) not null, exchange varchar(20) not null, funding_rate decimal(10,8) not null,
      estimated_rate decimal(10,8), next_funding_time timestamptz, ${common}`,
    columns: 'symbol, exchange, funding_rate, estimated_rate, next_funding_time',
    values: `${SYMBOL}(line / 3)::text, 4, '0') || '/USDT', (array['binance', 'bybit', 'okx'])[1 + line % 3],
      round((0.0001 * ${wave(28_800)} + 0.00002 * ${NOISE})::numeric, 8), round((0.0001 * ${wave(28_800)})::numeric, 8),
      to_timestamp(ceil(t / 28800) * 28800)`,
    keys: `select ${SYMBOL}i::text, 4, '0') || '/USDT' from generate_series(0, ${SYMBOLS - 1}) i`,
  },
  {
    stream: 'performance_metrics',
    lines: 2 * TRADED,
    share: 1 / 20,
    ddl: `symbol varchar(20) not null, strategy_id varchar(50) not null, pnl double precision default 0,
      win_rate double precision default 0, drawdown double precision default 0, execution_time double precision default 0,
      trade_count int default 0, avg_position_size double precision default 0, max_position_size double precision default 0,
      ${common}`,
    columns: 'symbol, strategy_id, pnl, win_rate, drawdown, execution_time, trade_count',
    values: `${SYMBOL}(line / 2)::text, 4, '0') || '/USDT', (array['momentum', 'carry'])[1 + line % 2],
      round((100 * (${NOISE} - 0.48))::numeric, 2), (${NOISE} > 0.48)::int, greatest(0, round((100 * (0.48 - ${NOISE}))::numeric, 2)),
      round((${NOISE} * 2)::numeric, 3), 1`,
    keys: `select ${SYMBOL}i::text, 4, '0') || '/USDT' from generate_series(0, ${TRADED - 1}) i`,
  },
  {
    stream: 'signal_predictions',
    lines: 2 * TRADED,
    share: 1 / 20,
    ddl: `symbol varchar(20) not null, signal_type varchar(50) not null, confidence double precision not null,
      predicted_pnl double precision, features jsonb, ${common}`,
    columns: 'symbol, signal_type, confidence, predicted_pnl',
    values: `${SYMBOL}(line / 2)::text, 4, '0') || '/USDT', (array['buy', 'sell'])[1 + line % 2],
      round((0.5 + 0.3 * ${wave(9000)} + 0.2 * ${NOISE})::numeric, 4), case when i % 3 = 0 then round((${NOISE} * 50)::numeric, 2) end`,
    keys: `select ${SYMBOL}i::text, 4, '0') || '/USDT' from generate_series(0, ${TRADED - 1}) i`,
  },
];

/** Indexes of the field; the metrics have none but their key, for their table is the dashboard's own. */
const INDEXES = [
  'on funding_rates (symbol, exchange, "timestamp" desc)',
  'on funding_rates ("timestamp" desc)',
  'on signal_predictions (symbol, "timestamp" desc)',
  'on signal_predictions (confidence desc, "timestamp" desc)',
  'on performance_metrics (symbol, strategy_id, "timestamp" desc)',
  'on performance_metrics (pnl, drawdown, "timestamp" desc)',
];

const WEEK_SECONDS = 7 * 86_400;
const ROWS_A_STATEMENT = 1_000_000;

/** The streams that are loaded. */
export const LOADED: readonly StreamName[] = PARTS.map(({ stream }) => stream);

/** Every key of a stream of the data set. */
export async function keysOf(client: pg.Client, stream: StreamName): Promise<readonly string[]> {
  const part = PARTS.find((each) => each.stream === stream);
  if (part === undefined) throw new RangeError(`${stream} is not in the data set`);
  const { rows } = await client.query<{ key: string }>(`select key from (${part.keys}) keys(key) order by 1`);
  return rows.map(({ key }) => key);
}

/** Makes a database with the rows and no trace of the dashboard, where it is not there yet; answers its name. */
export async function loadedDatabase(place: Place, rows: number): Promise<string> {
  const name = `bench_loaded_${rows}`;
  const admin = await place.connect('postgres');
  try {
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [name]);
    if (rowCount !== 0) return name;
    const draft = `${name}_draft`;
    await admin.query(`drop database if exists ${draft} with (force)`);
    await admin.query(`create database ${draft} template template0`);
    const client = await place.connect(draft);
    try {
      await load(client, rows);
    } finally {
      await client.end();
    }
    await admin.query(`alter database ${draft} rename to ${name}`);
    return name;
  } finally {
    await admin.end();
  }
}

/** Makes a copy of a database, in place of one of that name. */
export async function copyDatabase(place: Place, from: string, to: string): Promise<void> {
  const admin = await place.connect('postgres');
  try {
    await admin.query(`drop database if exists ${pg.escapeIdentifier(to)} with (force)`);
    await admin.query(
      `create database ${pg.escapeIdentifier(to)} template ${pg.escapeIdentifier(from)} strategy file_copy`,
    );
  } finally {
    await admin.end();
  }
}

async function load(client: pg.Client, rows: number): Promise<void> {
  await client.query('set synchronous_commit = off');
  await client.query(
    'create table bench_parts (stream text primary key, began timestamptz, step interval, made bigint)',
  );
  for (const part of PARTS) {
    const count = Math.round(rows * part.share);
    await client.query(
      `create table ${part.stream} (id serial not null, "timestamp" timestamptz not null, ${part.ddl});
       insert into bench_parts values ('${part.stream}', now() - interval '7 days', make_interval(secs => ${WEEK_SECONDS / count}), 0)`,
    );
    await append(client, part);
    await client.query(`alter table ${part.stream} add primary key (id)`);
  }
  for (const index of INDEXES) await client.query(`create index ${index}`);
  await client.query('vacuum analyze');
}

/** Goes on with every line up to now, as if the pipeline had written all the time; answers how many rows that were. */
export async function topUp(client: pg.Client): Promise<number> {
  let made = 0;
  for (const part of PARTS) made += await append(client, part);
  return made;
}

async function append(client: pg.Client, { stream, lines, columns, values }: Part): Promise<number> {
  const { rows } = await client.query<{ made: number; due: number }>(
    `select made::int, floor(extract(epoch from now() - began) / extract(epoch from step))::int as due
     from bench_parts where stream = $1`,
    [stream],
  );
  const [{ made, due } = { made: 0, due: 0 }] = rows;
  for (let from = made; from < due; from += ROWS_A_STATEMENT) {
    const to = Math.min(due, from + ROWS_A_STATEMENT);
    await client.query(
      `insert into ${stream} ("timestamp", created_at, ${columns})
       select at, at, ${values}
       from bench_parts, generate_series($1::bigint, $2::bigint) i,
         lateral (select began + i * step as at) moment,
         lateral (select extract(epoch from at)::float8 as t, (i % ${lines})::int as line) place
       where stream = '${stream}'`,
      [from, to - 1],
    );
    await client.query('update bench_parts set made = $2 where stream = $1', [stream, to]);
    if (due - made >= ROWS_A_STATEMENT) console.error(`${stream}: ${to} of ${due} rows`);
  }
  return due - made;
}
