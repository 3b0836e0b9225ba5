-- Rollups: what M4 keeps of each line (key and series) and UTC hour, packed, so that a week is read in a moment.
--
-- All of it derives from the rows of the streams, and the dashboard's server fills it; it may be emptied at any time. A
-- pack that is missing is never wrong, because the rows of its hour are read instead.

-- Up to where the packs of a stream count its rows. Every transaction that changes packs moves the position with them.
create table if not exists alphapulse_dashboard.rollup_state (
  stream text primary key,
  -- Version of what is in the packs.
  format integer not null,
  -- The database that transaction ids in `position` belong to: system identifier and oid.
  database text not null,
  -- What was read: oids of the table and of the triggers that tell of rewritten rows, and the cursor column's number. With
  -- another one of these, rows may have come or changed unseen.
  source text not null,
  -- A pg_snapshot: the packs count the rows that are visible in it and no others.
  position text not null,
  updated_at timestamptz not null default now()
) with (fillfactor = 20);

create table if not exists alphapulse_dashboard.rollups (
  stream text not null,
  key text not null,
  -- Empty for rows without a series, else a colon and the series.
  line text not null,
  hour timestamptz not null,
  -- Seconds of a bucket; 0 where every row is kept.
  width integer not null,
  -- Rows that the hour has, of which the pack keeps some.
  rows integer not null,
  columns bytea[] not null,
  primary key (stream, key, line, hour, width)
);
-- Floating-point numbers hardly compress, and packs are read far more often than written.
alter table alphapulse_dashboard.rollups alter column columns set storage external;
-- Most packs fit into a page: there they are read with their row, and not by a look into a table of their own for each.
alter table alphapulse_dashboard.rollups set (toast_tuple_target = 8160);
create index if not exists rollups_hour on alphapulse_dashboard.rollups (stream, hour);

-- Hours of which every line was examined; those with few rows have no packs and need none.
create table if not exists alphapulse_dashboard.rollup_hours (
  stream text not null,
  hour timestamptz not null,
  primary key (stream, hour)
);

-- Lines to which rows came after their hour was examined; their packs are made again once the line is quiet there.
create table if not exists alphapulse_dashboard.rollup_touched (
  stream text not null,
  key text not null,
  line text not null,
  hour timestamptz not null,
  touched_at timestamptz not null default now(),
  primary key (stream, key, line, hour)
);

-- Ranges of time, both ends included, in which rows were updated or deleted since the packs were made.
create table if not exists alphapulse_dashboard.rollup_rewrites (
  id bigint generated always as identity primary key,
  stream text not null,
  from_time timestamptz not null,
  to_time timestamptz not null
);

-- The chunks and partitions that the packs were made with. One that is dropped or detached takes its rows along and fires no
-- trigger; and another may come in its place, so that its time does not tell.
create table if not exists alphapulse_dashboard.rollup_chunks (
  stream text not null,
  parent oid not null,
  chunk oid not null,
  -- The times that it can hold, both ends included.
  from_time timestamptz not null,
  to_time timestamptz not null,
  primary key (stream, parent, chunk)
);

-- Ranges of time whose packs are not to be believed: rows there were rewritten, or went with their chunk.
create or replace view alphapulse_dashboard.rollup_doubts as
select w.stream, w.from_time, w.to_time from alphapulse_dashboard.rollup_rewrites w
union all
select c.stream, c.from_time, c.to_time from alphapulse_dashboard.rollup_chunks c
where not exists (
  select from pg_catalog.pg_inherits i where i.inhrelid = c.chunk and i.inhparent = c.parent);

-- What every UPDATE, DELETE and TRUNCATE of a stream's table runs: it notes between which times rows were touched, in the
-- transaction that touches them, so that a reader who sees the rows changed sees the note too.
--
-- It runs inside the statement of a writer that knows nothing of the dashboard, so it must not fail and needs no right of
-- the writer. Without transition tables (hypertables: none for deletes, and none at all before TimescaleDB 2.18) it cannot
-- know which rows were touched, if any: then all of them are.

create or replace function alphapulse_dashboard.note_rewrite() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  first timestamptz;
  last timestamptz;
begin
  -- The dashboard's own retention takes the packs away together with the rows.
  if tg_op = 'DELETE' and current_setting('alphapulse_dashboard.retention', true) = 'on' then
    return null;
  end if;
  if tg_op = 'TRUNCATE' or tg_argv[1] = 'blind' then
    first := '-infinity';
    last := 'infinity';
  elsif tg_op = 'DELETE' then
    select min(o."timestamp"), max(o."timestamp") into first, last from old_rows o;
  else
    select min(t), max(t) into first, last
    from (select o."timestamp" as t from old_rows o union all select n."timestamp" from new_rows n) touched;
  end if;
  if first is null then
    return null;
  end if;
  if tg_argv[2] is distinct from 'unpacked' then
    insert into alphapulse_dashboard.rollup_rewrites (stream, from_time, to_time) values (tg_argv[0], first, last);
  end if;
  -- Servers that keep history in memory let go of it. In a block of its own, so that its failure takes no note back.
  begin
    if pg_notification_queue_usage() < 0.5 then
      perform pg_notify('alphapulse_dashboard', 'rewritten:' || tg_argv[0]);
    end if;
  exception when others then
    return null;
  end;
  return null;
exception when others then
  return null;
end
$$;

revoke all on function alphapulse_dashboard.note_rewrite() from public;
