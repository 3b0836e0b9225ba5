-- Parts that take names found in the catalogue. No migration is made of this file; others use its steps.

-- step: drop index
drop index concurrently if exists :"schema".:"index";

-- step: drop index of a hypertable or a partitioned table
drop index if exists :"schema".:"index";

-- step: attach index
alter index :"parent_schema".:"parent_index" attach partition :"schema".:"index";

-- step: remember index
insert into alphapulse_dashboard.made_indexes (schema_name, index_name) values (:'schema', :'index')
on conflict do nothing;

-- step: remember table
insert into alphapulse_dashboard.made_tables (schema_name, table_name, table_oid)
select n.nspname, c.relname, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = to_regclass(:'table')
on conflict (schema_name, table_name) do update set table_oid = excluded.table_oid, made_at = now();

-- step: drop schema
drop schema if exists alphapulse_dashboard cascade;
