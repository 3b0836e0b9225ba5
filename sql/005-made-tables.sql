-- Tables that the migrations made because there were none. Retention takes rows away from these and from no others: a table
-- that was there before belongs to whoever made it.

-- The oid tells a table that somebody made later under the same name. A restored dump has other oids; there retention
-- stays off until it is said once more that the table is the dashboard's, as `doctor` explains.
create table if not exists alphapulse_dashboard.made_tables (
  schema_name text not null,
  table_name text not null,
  table_oid oid not null,
  made_at timestamptz not null default now(),
  primary key (schema_name, table_name)
);
