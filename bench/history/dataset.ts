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
const NOISE = '((hashint8(i) & 65535) / 65536.0::float8)';
const wave = (seconds: number): string => `sin(t / ${seconds}.0::float8 + line)`;
/** A float of so many decimals: the quotient is the double that is nearest to them. */
const digits = (count: number, value: string): string => `round((${value}) * 1e${count}) / 1e${count}`;
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
    values: `'metric_' || lpad(line::text, 2, '0'), ${digits(2, `50 + 30 * ${wave(7000)} + 5 * ${NOISE}`)}, '%'`,
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
      ${digits(2, `100 * (${NOISE} - 0.48)`)}, (${NOISE} > 0.48)::int, greatest(0, ${digits(2, `100 * (0.48 - ${NOISE})`)}),
      ${digits(3, `${NOISE} * 2`)}, 1`,
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
      ${digits(4, `0.5 + 0.3 * ${wave(9000)} + 0.2 * ${NOISE}`)}, case when i % 3 = 0 then ${digits(2, `${NOISE} * 50`)} end`,
    keys: `select ${SYMBOL}i::text, 4, '0') || '/USDT' from generate_series(0, ${TRADED - 1}) i`,
  },
];

/** Indexes of the field, by stream; the metrics have none but their key, for their table is the dashboard's own. */
const INDEXES: Partial<Record<StreamName, readonly string[]>> = {
  funding_rates: ['(symbol, exchange, "timestamp" desc)', '("timestamp" desc)'],
  signal_predictions: ['(symbol, "timestamp" desc)', '(confidence desc, "timestamp" desc)'],
  performance_metrics: ['(symbol, strategy_id, "timestamp" desc)', '(pnl, drawdown, "timestamp" desc)'],
};

const WEEK_SECONDS = 7 * 86_400;
const ROWS_A_STATEMENT = 500_000;
/** Connections that load side by side. */
const LOADERS = 2;

/** Every key of a stream of the data set. */
export async function keysOf(client: pg.Client, stream: StreamName): Promise<readonly string[]> {
  const part = PARTS.find((each) => each.stream === stream);
  if (part === undefined) throw new RangeError(`${stream} is not in the data set`);
  const { rows } = await client.query<{ key: string }>(`select key from (${part.keys}) keys(key) order by 1`);
  return rows.map(({ key }) => key);
}

/** How many rows are loaded into which tables. */
export interface Extent {
  readonly rows: number;
  /** Streams that are loaded; null: all of the data set. */
  readonly streams: readonly StreamName[] | null;
}

/** What of the data set an extent covers. */
export function streamsOf({ streams }: Extent): readonly StreamName[] {
  return PARTS.map(({ stream }) => stream).filter((stream) => streams?.includes(stream) ?? true);
}

/** The name of a database of this extent. */
export function nameOf(what: string, { rows, streams }: Extent): string {
  return ['bench', what, rows, ...(streams ?? [])].join('_');
}

/** Makes a database with the rows and no trace of the dashboard, where it is not there yet; answers its name. */
export async function loadedDatabase(place: Place, extent: Extent): Promise<string> {
  const name = nameOf('loaded', extent);
  const admin = await place.connect('postgres');
  try {
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [name]);
    if (rowCount !== 0) return name;
    const draft = `${name}_draft`;
    await admin.query(`drop database if exists ${draft} with (force)`);
    await admin.query(`create database ${draft} template template0`);
    const clients = await Promise.all(Array.from({ length: LOADERS }, () => place.connect(draft)));
    try {
      await load(clients, extent);
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
    await renameDatabase(place, draft, name);
    return name;
  } finally {
    await admin.end();
  }
}

/** Gives a database another name. Nobody may be connected to it. */
export async function renameDatabase(place: Place, from: string, to: string): Promise<void> {
  const admin = await place.connect('postgres');
  try {
    await admin.query(`alter database ${pg.escapeIdentifier(from)} rename to ${pg.escapeIdentifier(to)}`);
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

async function load(clients: readonly pg.Client[], extent: Extent): Promise<void> {
  const [client] = clients;
  if (client === undefined) return;
  const loaded = streamsOf(extent);
  for (const each of clients) await each.query('set synchronous_commit = off');
  await client.query(
    'create table bench_parts (stream text primary key, began timestamptz, step interval, made bigint)',
  );
  for (const part of PARTS.filter(({ stream }) => loaded.includes(stream))) {
    const count = Math.round(extent.rows * part.share);
    await client.query(
      `create table ${part.stream} (id serial not null, "timestamp" timestamptz not null, ${part.ddl});
       insert into bench_parts values ('${part.stream}', now() - interval '7 days', make_interval(secs => ${WEEK_SECONDS / count}), 0)`,
    );
    await append(clients, part);
    // First the map of what all can see, then indexes: the other way round both would be read.
    await client.query(`vacuum analyze ${part.stream}`);
    await client.query(`set maintenance_work_mem = '1GB'`);
    await client.query(`alter table ${part.stream} add primary key (id)`);
    for (const columns of INDEXES[part.stream] ?? []) {
      await client.query(`create index on ${part.stream} ${columns}`);
    }
  }
}

/** Goes on with every line up to now, as if the pipeline had written all the time; answers how many rows that were. */
export async function topUp(client: pg.Client, extent: Extent): Promise<number> {
  const loaded = streamsOf(extent);
  let made = 0;
  for (const part of PARTS.filter(({ stream }) => loaded.includes(stream))) made += await append([client], part);
  return made;
}

/** Writes what is due of a table, a stretch at a time: neighbours may change places, rows far apart do not. */
async function append(clients: readonly pg.Client[], { stream, lines, columns, values }: Part): Promise<number> {
  const [client] = clients;
  if (client === undefined) return 0;
  const { rows } = await client.query<{ made: number; due: number }>(
    `select made::int, floor(extract(epoch from now() - began) / extract(epoch from step))::int as due
     from bench_parts where stream = $1`,
    [stream],
  );
  const [{ made, due } = { made: 0, due: 0 }] = rows;
  let next = made;
  const work = async (own: pg.Client): Promise<void> => {
    while (next < due) {
      const from = next;
      const to = Math.min(due, from + ROWS_A_STATEMENT);
      next = to;
      await own.query(
        `insert into ${stream} ("timestamp", created_at, ${columns})
         select at, at, ${values}
         from bench_parts, generate_series($1::bigint, $2::bigint) i,
           lateral (select began + i * step as at) moment,
           lateral (select extract(epoch from at)::float8 as t, (i % ${lines})::int as line) place
         where stream = '${stream}'`,
        [from, to - 1],
      );
      if (due - made >= ROWS_A_STATEMENT) console.error(`${stream}: ${to} of ${due} rows`);
    }
  };
  await Promise.all(clients.map(work));
  await client.query('update bench_parts set made = $2 where stream = $1', [stream, due]);
  return due - made;
}
