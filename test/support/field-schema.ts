/** The tables of AlphaPulse as installations really have them, made before the dashboard came. */

/**
 * `plain`: primary key (id). `composite`: primary key (id, timestamp), as hypertables need it. `keyless`: no key at all.
 * `older_performance_metrics` and `wide_system_metrics`: as plain, with a table of a foreign shape under that name.
 */
export type FieldShape = 'plain' | 'composite' | 'keyless' | 'older_performance_metrics' | 'wide_system_metrics';

/** Makes the field's tables in the client's database, with the field's indexes and no rows. */
export async function fieldSchema(
  client: { query(text: string): Promise<unknown> },
  shape: FieldShape = 'plain',
): Promise<void> {
  const key = { composite: ', primary key (id, "timestamp")', keyless: '' }[String(shape)] ?? ', primary key (id)';
  await client.query(`
    create table funding_rates (
      id serial, "timestamp" timestamptz not null, symbol varchar(20) not null, exchange varchar(20) not null,
      funding_rate decimal(10,8) not null, estimated_rate decimal(10,8), next_funding_time timestamptz,
      metadata jsonb, created_at timestamptz default now()${key});
    create index idx_funding_rates_symbol_exchange on funding_rates (symbol, exchange, "timestamp" desc);
    create index idx_funding_rates_timestamp on funding_rates ("timestamp" desc);
    create table signal_predictions (
      id serial, "timestamp" timestamptz not null, symbol varchar(20) not null, signal_type varchar(50) not null,
      confidence double precision not null, predicted_pnl double precision, features jsonb, metadata jsonb,
      created_at timestamptz default now()${key});
    create index idx_signal_predictions_symbol on signal_predictions (symbol, "timestamp" desc);
    create index idx_signal_predictions_confidence on signal_predictions (confidence desc, "timestamp" desc)`);
  await client.query(shape === 'older_performance_metrics' ? OLDER_PERFORMANCE : performance(key));
  if (shape === 'wide_system_metrics') await client.query(WIDE_SYSTEM);
}

const performance = (key: string): string => `
  create table performance_metrics (
    id serial, "timestamp" timestamptz not null, symbol varchar(20) not null, strategy_id varchar(50) not null,
    pnl double precision default 0, win_rate double precision default 0, drawdown double precision default 0,
    execution_time double precision default 0, trade_count integer default 0,
    avg_position_size double precision default 0, max_position_size double precision default 0,
    metadata jsonb, created_at timestamptz default now()${key});
  create index idx_performance_metrics_symbol_strategy on performance_metrics (symbol, strategy_id, "timestamp" desc);
  create index idx_performance_metrics_pnl on performance_metrics (pnl, drawdown, "timestamp" desc)`;

const OLDER_PERFORMANCE = `
  create table performance_metrics (
    id serial primary key, "timestamp" timestamptz not null, total_trades integer, winning_trades integer,
    losing_trades integer, win_rate decimal(5,4), total_pnl decimal(20,8), daily_pnl decimal(20,8),
    active_positions integer, created_at timestamptz default now())`;

const WIDE_SYSTEM = `
  create table system_metrics (
    id serial primary key, "timestamp" timestamptz not null, cpu_percent double precision,
    memory_percent double precision, disk_percent double precision, network_in bigint, network_out bigint,
    created_at timestamptz default now())`;
