/** Seven days of all five streams on hypertables with one-hour chunks, made before the dashboard came. */
import type pg from 'pg';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { fieldSchema } from './field-schema.ts';
import { makeHypertables } from './timescale.ts';

/** Rows of the streams that the pipeline makes, `every` apart over the last seven days. */
const PAST: readonly (readonly [table: StreamName, columns: string, values: string, every: string])[] = [
  ['funding_rates', 'symbol, exchange, funding_rate', `s, l, sin(i * 0.1) / 1000`, '5 minutes'],
  [
    'performance_metrics',
    'symbol, strategy_id, pnl',
    `s, l, case i % 9 when 0 then 'NaN' else sin(i) end`,
    '20 minutes',
  ],
  ['signal_predictions', 'symbol, signal_type, confidence', 's, l, abs(sin(i))', '20 minutes'],
  ['anomalies', 'symbol, data_type, value, z_score', 's, l, i, 4 * sin(i)', '20 minutes'],
  ['system_metrics', 'metric_name, metric_value', `s || '.' || l, sin(i * 0.01) * i`, '20 seconds'],
];

/** How a shape of the field ends the definition of a table. */
const KEYS = { composite: ', primary key (id, "timestamp")', keyless: '' } as const;

const OWN = (key: string): string => `
  create table anomalies (id serial, "timestamp" timestamptz not null, symbol varchar(20) not null,
    data_type varchar(50) not null, value double precision not null, z_score double precision not null,
    threshold double precision default 3.0, metadata jsonb, created_at timestamptz default now()${key});
  create table system_metrics (id serial, "timestamp" timestamptz not null, metric_name varchar(100) not null,
    metric_value double precision not null, metric_unit varchar(20), metadata jsonb,
    created_at timestamptz default now()${key})`;

/** Makes the tables and their rows: two keys with two series each, 168 chunks and the present one in each table. */
export async function sevenDaysOfHypertables(client: pg.Client, shape: keyof typeof KEYS): Promise<void> {
  await fieldSchema(client, shape);
  await client.query(OWN(KEYS[shape]));
  await makeHypertables(client, STREAM_NAMES);
  for (const [table, columns, values, every] of PAST) {
    await client.query(
      `insert into ${table} ("timestamp", created_at, ${columns})
       select t, t, ${values} from generate_series(now() - interval '7 days', now() - interval '1 minute', interval '${every}')
         with ordinality as series(t, i), unnest(array['BTC/USDT', 'ETH/USDT']) s, unnest(array['one', 'two']) l`,
    );
  }
}
