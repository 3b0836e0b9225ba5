-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- anomalies: each step is applied where the catalogue shows that it is needed.

-- step: table
create table anomalies (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  data_type varchar(50) not null,
  value double precision not null,
  z_score double precision not null,
  threshold double precision default 3.0,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id)
);
create index dashboard_anomalies_symbol_timestamp on anomalies (symbol, "timestamp" desc);
create index dashboard_anomalies_z_score_timestamp on anomalies (z_score desc, "timestamp" desc);

-- step: table, hypertable
create table anomalies (
  id serial not null,
  "timestamp" timestamptz not null,
  symbol varchar(20) not null,
  data_type varchar(50) not null,
  value double precision not null,
  z_score double precision not null,
  threshold double precision default 3.0,
  metadata jsonb,
  created_at timestamptz default now(),
  primary key (id, "timestamp")
);
select :"timescaledb".create_hypertable('anomalies', 'timestamp',
  chunk_time_interval => interval '1 hour', create_default_indexes => false);
create index dashboard_anomalies_symbol_timestamp on anomalies (symbol, "timestamp" desc);
create index dashboard_anomalies_z_score_timestamp on anomalies (z_score desc, "timestamp" desc);

-- step: cursor column
alter table anomalies add column dashboard_xid xid8;

-- step: cursor default
alter table anomalies alter column dashboard_xid set default pg_catalog.pg_current_xact_id();

-- step: index dashboard_anomalies_cursor
create index concurrently dashboard_anomalies_cursor on anomalies (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_anomalies_cursor, hypertable
create index dashboard_anomalies_cursor on anomalies (dashboard_xid, id) with (timescaledb.transaction_per_chunk) where dashboard_xid is not null;

-- step: index dashboard_anomalies_cursor, partitioned
create index dashboard_anomalies_cursor on only anomalies (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_anomalies_cursor, partition
create index concurrently :"index" on :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_anomalies_cursor, inner partition
create index :"index" on only :"schema".:"partition" (dashboard_xid, id) where dashboard_xid is not null;

-- step: index dashboard_anomalies_symbol_timestamp
create index concurrently dashboard_anomalies_symbol_timestamp on anomalies (symbol, "timestamp" desc);

-- step: index dashboard_anomalies_symbol_timestamp, hypertable
create index dashboard_anomalies_symbol_timestamp on anomalies (symbol, "timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_anomalies_symbol_timestamp, partitioned
create index dashboard_anomalies_symbol_timestamp on only anomalies (symbol, "timestamp" desc);

-- step: index dashboard_anomalies_symbol_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" (symbol, "timestamp" desc);

-- step: index dashboard_anomalies_symbol_timestamp, inner partition
create index :"index" on only :"schema".:"partition" (symbol, "timestamp" desc);

-- step: index dashboard_anomalies_z_score_timestamp
create index concurrently dashboard_anomalies_z_score_timestamp on anomalies (z_score desc, "timestamp" desc);

-- step: index dashboard_anomalies_z_score_timestamp, hypertable
create index dashboard_anomalies_z_score_timestamp on anomalies (z_score desc, "timestamp" desc) with (timescaledb.transaction_per_chunk);

-- step: index dashboard_anomalies_z_score_timestamp, partitioned
create index dashboard_anomalies_z_score_timestamp on only anomalies (z_score desc, "timestamp" desc);

-- step: index dashboard_anomalies_z_score_timestamp, partition
create index concurrently :"index" on :"schema".:"partition" (z_score desc, "timestamp" desc);

-- step: index dashboard_anomalies_z_score_timestamp, inner partition
create index :"index" on only :"schema".:"partition" (z_score desc, "timestamp" desc);

-- step: analyze cursor
analyze anomalies (dashboard_xid);

-- step: foreign ids
update anomalies set dashboard_xid = null
where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) and ctid = any (array(
  select ctid from anomalies where dashboard_xid >= pg_snapshot_xmax(pg_current_snapshot()) order by dashboard_xid desc limit 1000));

-- step: doorbell
create or replace trigger alphapulse_dashboard_doorbell after insert on anomalies
  for each statement execute function alphapulse_dashboard.ring('anomalies');

-- step: rewrites
create or replace trigger alphapulse_dashboard_updated after update on anomalies referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'seen', 'unpacked');
create or replace trigger alphapulse_dashboard_deleted after delete on anomalies referencing old table as old_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'seen', 'unpacked');
create or replace trigger alphapulse_dashboard_truncated after truncate on anomalies
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'seen', 'unpacked');

-- step: rewrites, hypertable
create or replace trigger alphapulse_dashboard_updated after update on anomalies referencing old table as old_rows new table as new_rows
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'seen', 'unpacked');
create or replace trigger alphapulse_dashboard_deleted after delete on anomalies
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'blind', 'unpacked');
create or replace trigger alphapulse_dashboard_truncated after truncate on anomalies
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'seen', 'unpacked');

-- step: rewrites, without transition tables
create or replace trigger alphapulse_dashboard_updated after update on anomalies
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'blind', 'unpacked');
create or replace trigger alphapulse_dashboard_deleted after delete on anomalies
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'blind', 'unpacked');
create or replace trigger alphapulse_dashboard_truncated after truncate on anomalies
  for each statement execute function alphapulse_dashboard.note_rewrite('anomalies', 'seen', 'unpacked');

-- step: remove rewrites
drop trigger if exists alphapulse_dashboard_updated on anomalies;
drop trigger if exists alphapulse_dashboard_deleted on anomalies;
drop trigger if exists alphapulse_dashboard_truncated on anomalies;

-- step: void rollups
delete from alphapulse_dashboard.rollup_state where stream = 'anomalies';

-- step: remove doorbell
drop trigger if exists alphapulse_dashboard_doorbell on anomalies;

-- step: remove cursor
alter table anomalies drop column if exists dashboard_xid;
