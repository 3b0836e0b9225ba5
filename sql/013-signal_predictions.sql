-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- signal_predictions: each step is applied where the catalogue shows that it is needed.

-- step: table
create table signal_predictions (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  signal_type varchar(50) not null,
  confidence double precision not null,
  predicted_pnl double precision,
  features jsonb,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id)
);
create index dashboard_signal_predictions_symbol_signal_type_timestamp_id on signal_predictions (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl);
create index dashboard_signal_predictions_symbol_timestamp on signal_predictions (symbol, "timestamp" desc);
create index dashboard_signal_predictions_confidence_timestamp on signal_predictions (confidence desc, "timestamp" desc);

-- step: table, hypertable
create table signal_predictions (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  signal_type varchar(50) not null,
  confidence double precision not null,
  predicted_pnl double precision,
  features jsonb,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id, "timestamp")
);
select :"timescaledb".create_hypertable('signal_predictions', 'timestamp',
  chunk_time_interval => interval '1 hour', create_default_indexes => false);
create index dashboard_signal_predictions_symbol_signal_type_timestamp_id on signal_predictions (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl);
create index dashboard_signal_predictions_symbol_timestamp on signal_predictions (symbol, "timestamp" desc);
create index dashboard_signal_predictions_confidence_timestamp on signal_predictions (confidence desc, "timestamp" desc);

-- step: cursor column
alter table signal_predictions add column dashboard_xid xid8;

-- step: cursor default
alter table signal_predictions alter column dashboard_xid set default pg_catalog.pg_current_xact_id();

-- step: index dashboard_signal_predictions_cursor
create index concurrently dashboard_signal_predictions_cursor on signal_predictions (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_signal_predictions_cursor, hypertable
create index dashboard_signal_predictions_cursor on signal_predictions (dashboard_xid, id) with (timescaledb.transaction_per_chunk) where dashboard_xid is not null;

-- step: index dashboard_signal_predictions_cursor, partitioned
create index dashboard_signal_predictions_cursor on only signal_predictions (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_signal_predictions_cursor, partition
create index concurrently :"index" on :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_signal_predictions_cursor, inner partition
create index :"index" on only :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_signal_predictions_symbol_signal_type_timestamp_id
create index concurrently dashboard_signal_predictions_symbol_signal_type_timestamp_id on signal_predictions (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl);

-- step: index dashboard_signal_predictions_symbol_signal_type_timestamp_id, hypertable
create index dashboard_signal_predictions_symbol_signal_type_timestamp_id on signal_predictions (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_signal_predictions_symbol_signal_type_timestamp_id, partitioned
create index dashboard_signal_predictions_symbol_signal_type_timestamp_id on only signal_predictions (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl);

-- step: index dashboard_signal_predictions_symbol_signal_type_timestamp_id, partition
create index concurrently :"index" on :"schema".:"partition" (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl);

-- step: index dashboard_signal_predictions_symbol_signal_type_timestamp_id, inner partition
create index :"index" on only :"schema".:"partition" (symbol, signal_type, "timestamp" desc, id desc) include (confidence, predicted_pnl);

-- step: index dashboard_signal_predictions_symbol_timestamp
create index concurrently dashboard_signal_predictions_symbol_timestamp on signal_predictions (symbol, "timestamp" desc);

-- step: index dashboard_signal_predictions_symbol_timestamp, hypertable
create index dashboard_signal_predictions_symbol_timestamp on signal_predictions (symbol, "timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_signal_predictions_symbol_timestamp, partitioned
create index dashboard_signal_predictions_symbol_timestamp on only signal_predictions (symbol, "timestamp" desc);

-- step: index dashboard_signal_predictions_symbol_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" (symbol, "timestamp" desc);

-- step: index dashboard_signal_predictions_symbol_timestamp, inner partition
create index :"index" on only :"schema".:"partition" (symbol, "timestamp" desc);

-- step: index dashboard_signal_predictions_confidence_timestamp
create index concurrently dashboard_signal_predictions_confidence_timestamp on signal_predictions (confidence desc, "timestamp" desc);

-- step: index dashboard_signal_predictions_confidence_timestamp, hypertable
create index dashboard_signal_predictions_confidence_timestamp on signal_predictions (confidence desc, "timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_signal_predictions_confidence_timestamp, partitioned
create index dashboard_signal_predictions_confidence_timestamp on only signal_predictions (confidence desc, "timestamp" desc);

-- step: index dashboard_signal_predictions_confidence_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" (confidence desc, "timestamp" desc);

-- step: index dashboard_signal_predictions_confidence_timestamp, inner partition
create index :"index" on only :"schema".:"partition" (confidence desc, "timestamp" desc);

-- step: analyze cursor
analyze signal_predictions (dashboard_xid);

-- step: foreign ids
update signal_predictions set dashboard_xid = null
where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) and ctid = any (array(
  select ctid from signal_predictions where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) order by dashboard_xid desc limit 1000));

-- step: doorbell
create or replace trigger alphapulse_dashboard_doorbell after insert on signal_predictions
  for each statement execute function alphapulse_dashboard.ring('signal_predictions');

-- step: rewrites
create or replace trigger alphapulse_dashboard_updated after update on signal_predictions referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on signal_predictions referencing old table as old_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on signal_predictions
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'seen', 'packed');

-- step: rewrites, hypertable
create or replace trigger alphapulse_dashboard_updated after update on signal_predictions referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on signal_predictions
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on signal_predictions
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'seen', 'packed');

-- step: rewrites, without transition tables
create or replace trigger alphapulse_dashboard_updated after update on signal_predictions
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on signal_predictions
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on signal_predictions
  for each statement execute function alphapulse_dashboard.note_rewrite('signal_predictions', 'seen', 'packed');

-- step: remove rewrites
drop trigger if exists alphapulse_dashboard_updated on signal_predictions;
drop trigger if exists alphapulse_dashboard_deleted on signal_predictions;
drop trigger if exists alphapulse_dashboard_truncated on signal_predictions;

-- step: void rollups
delete from alphapulse_dashboard.rollup_state where stream = 'signal_predictions';

-- step: remove doorbell
drop trigger if exists alphapulse_dashboard_doorbell on signal_predictions;

-- step: remove cursor
alter table signal_predictions drop column if exists dashboard_xid;
