-- The schema that holds everything of the dashboard's own, beside the column, the index and the trigger on each table.

create schema if not exists alphapulse_dashboard;

comment on schema alphapulse_dashboard is
  'AlphaPulse dashboard; alphapulse-dashboard migrate --remove takes it out again';

-- What was applied last, and with which text: a file that changed since then is applied again.
create table if not exists alphapulse_dashboard.migrations (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
);

-- Indexes that were added beside those of a table that was there before; --remove drops these and no others.
create table if not exists alphapulse_dashboard.made_indexes (
  schema_name text not null,
  index_name text not null,
  made_at timestamptz not null default now(),
  primary key (schema_name, index_name)
);
