-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- performance_metrics: each step is applied where the catalogue shows that it is needed.

-- step: table
create table performance_metrics (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  strategy_id varchar(50) not null,
  pnl double precision default 0,
  win_rate double precision default 0,
  drawdown double precision default 0,
  execution_time double precision default 0,
  trade_count integer default 0,
  avg_position_size double precision default 0,
  max_position_size double precision default 0,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id)
);
create index dashboard_performance_metrics_symbol_strategy_id_timestamp on performance_metrics (symbol, strategy_id, "timestamp" desc);
create index dashboard_performance_metrics_pnl_drawdown_timestamp on performance_metrics (pnl, drawdown, "timestamp" desc);

-- step: table, hypertable
create table performance_metrics (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  strategy_id varchar(50) not null,
  pnl double precision default 0,
  win_rate double precision default 0,
  drawdown double precision default 0,
  execution_time double precision default 0,
  trade_count integer default 0,
  avg_position_size double precision default 0,
  max_position_size double precision default 0,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id, "timestamp")
);
select :"timescaledb".create_hypertable('performance_metrics', 'timestamp',
  chunk_time_interval => interval '1 hour', create_default_indexes => false);
create index dashboard_performance_metrics_symbol_strategy_id_timestamp on performance_metrics (symbol, strategy_id, "timestamp" desc);
create index dashboard_performance_metrics_pnl_drawdown_timestamp on performance_metrics (pnl, drawdown, "timestamp" desc);

-- step: cursor column
alter table performance_metrics add column dashboard_xid xid8;

-- step: cursor default
alter table performance_metrics alter column dashboard_xid set default pg_catalog.pg_current_xact_id();

-- step: index dashboard_performance_metrics_cursor
create index concurrently dashboard_performance_metrics_cursor on performance_metrics (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_performance_metrics_cursor, hypertable
create index dashboard_performance_metrics_cursor on performance_metrics (dashboard_xid, id) with (timescaledb.transaction_per_chunk) where dashboard_xid is not null;

-- step: index dashboard_performance_metrics_cursor, partitioned
create index dashboard_performance_metrics_cursor on only performance_metrics (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_performance_metrics_cursor, partition
create index concurrently :"index" on :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_performance_metrics_cursor, inner partition
create index :"index" on only :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_performance_metrics_symbol_strategy_id_timestamp
create index concurrently dashboard_performance_metrics_symbol_strategy_id_timestamp on performance_metrics (symbol, strategy_id, "timestamp" desc);

-- step: index dashboard_performance_metrics_symbol_strategy_id_timestamp, hypertable
create index dashboard_performance_metrics_symbol_strategy_id_timestamp on performance_metrics (symbol, strategy_id, "timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_performance_metrics_symbol_strategy_id_timestamp, partitioned
create index dashboard_performance_metrics_symbol_strategy_id_timestamp on only performance_metrics (symbol, strategy_id, "timestamp" desc);

-- step: index dashboard_performance_metrics_symbol_strategy_id_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" (symbol, strategy_id, "timestamp" desc);

-- step: index dashboard_performance_metrics_symbol_strategy_id_timestamp, inner partition
create index :"index" on only :"schema".:"partition" (symbol, strategy_id, "timestamp" desc);

-- step: index dashboard_performance_metrics_pnl_drawdown_timestamp
create index concurrently dashboard_performance_metrics_pnl_drawdown_timestamp on performance_metrics (pnl, drawdown, "timestamp" desc);

-- step: index dashboard_performance_metrics_pnl_drawdown_timestamp, hypertable
create index dashboard_performance_metrics_pnl_drawdown_timestamp on performance_metrics (pnl, drawdown, "timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_performance_metrics_pnl_drawdown_timestamp, partitioned
create index dashboard_performance_metrics_pnl_drawdown_timestamp on only performance_metrics (pnl, drawdown, "timestamp" desc);

-- step: index dashboard_performance_metrics_pnl_drawdown_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" (pnl, drawdown, "timestamp" desc);

-- step: index dashboard_performance_metrics_pnl_drawdown_timestamp, inner partition
create index :"index" on only :"schema".:"partition" (pnl, drawdown, "timestamp" desc);

-- step: analyze cursor
analyze performance_metrics (dashboard_xid);

-- step: foreign ids
update performance_metrics set dashboard_xid = null
where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) and ctid = any (array(
  select ctid from performance_metrics where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) order by dashboard_xid desc limit 1000));

-- step: doorbell
create or replace trigger alphapulse_dashboard_doorbell after insert on performance_metrics
  for each statement execute function alphapulse_dashboard.ring('performance_metrics');

-- step: rewrites
create or replace trigger alphapulse_dashboard_updated after update on performance_metrics referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on performance_metrics referencing old table as old_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on performance_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'seen', 'packed');

-- step: rewrites, hypertable
create or replace trigger alphapulse_dashboard_updated after update on performance_metrics referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on performance_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on performance_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'seen', 'packed');

-- step: rewrites, without transition tables
create or replace trigger alphapulse_dashboard_updated after update on performance_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on performance_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on performance_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('performance_metrics', 'seen', 'packed');

-- step: remove rewrites
drop trigger if exists alphapulse_dashboard_updated on performance_metrics;
drop trigger if exists alphapulse_dashboard_deleted on performance_metrics;
drop trigger if exists alphapulse_dashboard_truncated on performance_metrics;

-- step: void rollups
delete from alphapulse_dashboard.rollup_state where stream = 'performance_metrics';

-- step: remove doorbell
drop trigger if exists alphapulse_dashboard_doorbell on performance_metrics;

-- step: remove cursor
alter table performance_metrics drop column if exists dashboard_xid;
