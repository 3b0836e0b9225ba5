-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- system_metrics: each step is applied where the catalogue shows that it is needed.

-- step: table
create table system_metrics (
  id serial not null,
  "timestamp" timestamptz not null,
  metric_name varchar(100) not null,
  metric_value double precision not null,
  metric_unit varchar(20),
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id)
);
create index dashboard_system_metrics_metric_name_timestamp_id on system_metrics (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit);

-- step: table, hypertable
create table system_metrics (
  id serial not null,
  "timestamp" timestamptz not null,
  metric_name varchar(100) not null,
  metric_value double precision not null,
  metric_unit varchar(20),
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id, "timestamp")
);
select :"timescaledb".create_hypertable('system_metrics', 'timestamp',
  chunk_time_interval => interval '1 hour', create_default_indexes => false);
create index dashboard_system_metrics_metric_name_timestamp_id on system_metrics (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit);

-- step: cursor column
alter table system_metrics add column dashboard_xid xid8;

-- step: cursor default
alter table system_metrics alter column dashboard_xid set default pg_catalog.pg_current_xact_id();

-- step: index dashboard_system_metrics_cursor
create index concurrently dashboard_system_metrics_cursor on system_metrics (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_system_metrics_cursor, hypertable
create index dashboard_system_metrics_cursor on system_metrics (dashboard_xid, id) with (timescaledb.transaction_per_chunk) where dashboard_xid is not null;

-- step: index dashboard_system_metrics_cursor, partitioned
create index dashboard_system_metrics_cursor on only system_metrics (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_system_metrics_cursor, partition
create index concurrently :"index" on :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_system_metrics_cursor, inner partition
create index :"index" on only :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_system_metrics_metric_name_timestamp_id
create index concurrently dashboard_system_metrics_metric_name_timestamp_id on system_metrics (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit);

-- step: index dashboard_system_metrics_metric_name_timestamp_id, hypertable
create index dashboard_system_metrics_metric_name_timestamp_id on system_metrics (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_system_metrics_metric_name_timestamp_id, partitioned
create index dashboard_system_metrics_metric_name_timestamp_id on only system_metrics (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit);

-- step: index dashboard_system_metrics_metric_name_timestamp_id, partition
create index concurrently :"index" on :"schema".:"partition" (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit);

-- step: index dashboard_system_metrics_metric_name_timestamp_id, inner partition
create index :"index" on only :"schema".:"partition" (metric_name, "timestamp" desc, id desc) include (metric_value, metric_unit);

-- step: analyze cursor
analyze system_metrics (dashboard_xid);

-- step: foreign ids
update system_metrics set dashboard_xid = null
where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) and ctid = any (array(
  select ctid from system_metrics where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) order by dashboard_xid desc limit 1000));

-- step: doorbell
create or replace trigger alphapulse_dashboard_doorbell after insert on system_metrics
  for each statement execute function alphapulse_dashboard.ring('system_metrics');

-- step: rewrites
create or replace trigger alphapulse_dashboard_updated after update on system_metrics referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on system_metrics referencing old table as old_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on system_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'seen', 'packed');

-- step: rewrites, hypertable
create or replace trigger alphapulse_dashboard_updated after update on system_metrics referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'seen', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on system_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on system_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'seen', 'packed');

-- step: rewrites, without transition tables
create or replace trigger alphapulse_dashboard_updated after update on system_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_deleted after delete on system_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'blind', 'packed');
create or replace trigger alphapulse_dashboard_truncated after truncate on system_metrics
  for each statement execute function alphapulse_dashboard.note_rewrite('system_metrics', 'seen', 'packed');

-- step: remove rewrites
drop trigger if exists alphapulse_dashboard_updated on system_metrics;
drop trigger if exists alphapulse_dashboard_deleted on system_metrics;
drop trigger if exists alphapulse_dashboard_truncated on system_metrics;

-- step: void rollups
delete from alphapulse_dashboard.rollup_state where stream = 'system_metrics';

-- step: remove doorbell
drop trigger if exists alphapulse_dashboard_doorbell on system_metrics;

-- step: remove cursor
alter table system_metrics drop column if exists dashboard_xid;
