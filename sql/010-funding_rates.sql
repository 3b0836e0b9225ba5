-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- funding_rates: each step is applied where the catalogue shows that it is needed.

-- step: table
create table funding_rates (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  exchange varchar(20) not null,
  funding_rate decimal(10,8) not null,
  estimated_rate decimal(10,8),
  next_funding_time timestamptz,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id)
);
create index dashboard_funding_rates_symbol_exchange_timestamp_id on funding_rates (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time);
create index dashboard_funding_rates_timestamp on funding_rates ("timestamp" desc);

-- step: table, hypertable
create table funding_rates (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  exchange varchar(20) not null,
  funding_rate decimal(10,8) not null,
  estimated_rate decimal(10,8),
  next_funding_time timestamptz,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id, "timestamp")
);
select :"timescaledb".create_hypertable('funding_rates', 'timestamp',
  chunk_time_interval => interval '1 hour', create_default_indexes => false);
create index dashboard_funding_rates_symbol_exchange_timestamp_id on funding_rates (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time);
create index dashboard_funding_rates_timestamp on funding_rates ("timestamp" desc);

-- step: cursor column
alter table funding_rates add column dashboard_xid xid8;

-- step: cursor default
alter table funding_rates alter column dashboard_xid set default pg_catalog.pg_current_xact_id();

-- step: index dashboard_funding_rates_cursor
create index concurrently dashboard_funding_rates_cursor on funding_rates (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_funding_rates_cursor, hypertable
create index dashboard_funding_rates_cursor on funding_rates (dashboard_xid, id) with (timescaledb.transaction_per_chunk) where dashboard_xid is not null;

-- step: index dashboard_funding_rates_cursor, partitioned
create index dashboard_funding_rates_cursor on only funding_rates (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_funding_rates_cursor, partition
create index concurrently :"index" on :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_funding_rates_cursor, inner partition
create index :"index" on only :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_funding_rates_symbol_exchange_timestamp_id
create index concurrently dashboard_funding_rates_symbol_exchange_timestamp_id on funding_rates (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time);

-- step: index dashboard_funding_rates_symbol_exchange_timestamp_id, hypertable
create index dashboard_funding_rates_symbol_exchange_timestamp_id on funding_rates (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_funding_rates_symbol_exchange_timestamp_id, partitioned
create index dashboard_funding_rates_symbol_exchange_timestamp_id on only funding_rates (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time);

-- step: index dashboard_funding_rates_symbol_exchange_timestamp_id, partition
create index concurrently :"index" on :"schema".:"partition" (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time);

-- step: index dashboard_funding_rates_symbol_exchange_timestamp_id, inner partition
create index :"index" on only :"schema".:"partition" (symbol, exchange, "timestamp" desc, id desc) include (funding_rate, estimated_rate, next_funding_time);

-- step: index dashboard_funding_rates_timestamp
create index concurrently dashboard_funding_rates_timestamp on funding_rates ("timestamp" desc);

-- step: index dashboard_funding_rates_timestamp, hypertable
create index dashboard_funding_rates_timestamp on funding_rates ("timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_funding_rates_timestamp, partitioned
create index dashboard_funding_rates_timestamp on only funding_rates ("timestamp" desc);

-- step: index dashboard_funding_rates_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" ("timestamp" desc);

-- step: index dashboard_funding_rates_timestamp, inner partition
create index :"index" on only :"schema".:"partition" ("timestamp" desc);

-- step: analyze cursor
analyze funding_rates (dashboard_xid);

-- step: foreign ids
update funding_rates set dashboard_xid = null
where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) and ctid = any (array(
  select ctid from funding_rates where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) order by dashboard_xid desc limit 1000));

-- step: doorbell
create or replace trigger alphapulse_dashboard_doorbell after insert on funding_rates
  for each statement execute function alphapulse_dashboard.ring('funding_rates');

-- step: rewrites
create or replace trigger alphapulse_dashboard_updated after update on funding_rates referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on funding_rates referencing old table as old_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on funding_rates
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'seen', 'packed');

-- step: rewrites, hypertable
create or replace trigger alphapulse_dashboard_updated after update on funding_rates referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on funding_rates
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on funding_rates
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'seen', 'packed');

-- step: rewrites, without transition tables
create or replace trigger alphapulse_dashboard_updated after update on funding_rates
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on funding_rates
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on funding_rates
  for each statement execute function alphapulse_dashboard.note_rewrite('funding_rates', 'seen', 'packed');

-- step: remove rewrites
drop trigger if exists alphapulse_dashboard_updated on funding_rates;
drop trigger if exists alphapulse_dashboard_deleted on funding_rates;
drop trigger if exists alphapulse_dashboard_truncated on funding_rates;

-- step: void rollups
delete from alphapulse_dashboard.rollup_state where stream = 'funding_rates';

-- step: remove doorbell
drop trigger if exists alphapulse_dashboard_doorbell on funding_rates;

-- step: remove cursor
alter table funding_rates drop column if exists dashboard_xid;
