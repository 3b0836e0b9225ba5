/**
 * Which chunks and partitions the packs were made with. Dropping one takes rows away and fires no trigger, so each is noted
 * in the transaction that stores the position; what was noted and is not a part of the table any more is in doubt.
 */
import { quoteIdentifier } from '../../../shared/columns.ts';
import { type StreamDeclaration, TIME_COLUMN } from '../../../shared/streams.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { type Queryable, readCell, readCells } from '../queryable.ts';

/** SQL that deletes the notes of stream `$1` of chunks that are gone; to be followed by its `returning`. */
export const GONE_CHUNKS = `delete from ${OWN_SCHEMA}.rollup_chunks c where c.stream = $1 and not exists (
  select from pg_inherits i where i.inhrelid = c.chunk and i.inhparent = c.parent)`;

/** The parts of a table at every level, of which those that were noted for stream `$1` are left out. */
const newParts = (table: string): string => `with recursive parts(parent, chunk) as (
    select inhparent, inhrelid from pg_inherits where inhparent = to_regclass('${table}')
    union all
    select i.inhparent, i.inhrelid from pg_inherits i join parts p on i.inhparent = p.chunk)
  select parent, chunk from parts p where not exists (
    select from ${OWN_SCHEMA}.rollup_chunks c where c.stream = $1 and c.parent = p.parent and c.chunk = p.chunk)`;

/** The times that chunks of hypertables can hold; what is not in here can hold any. */
const CHUNK_TIMES = `select to_regclass(quote_ident(chunk_schema) || '.' || quote_ident(chunk_name))::oid as chunk,
    range_start as from_time, range_end as to_time
  from timescaledb_information.chunks
  where hypertable_schema = (select relnamespace::regnamespace::name from pg_class where oid = to_regclass($2))
    and hypertable_name = (select relname from pg_class where oid = to_regclass($2))`;

/** The same of partitions by a range of the time alone: PostgreSQL prints their bounds as it reads them. */
const PARTITION_TIMES = `select c.oid as chunk, bounds[1]::timestamptz as from_time, bounds[2]::timestamptz as to_time
  from fresh join pg_class c on c.oid = fresh.chunk
  cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \\(''([^'']+)''\\) TO \\(''([^'']+)''\\)$') bounds
  where pg_get_partkeydef(fresh.parent) = 'RANGE (${quoteIdentifier(TIME_COLUMN.name)})'`;

/** Notes the chunks of a stream's table that this transaction sees and none before it saw. */
export async function noteChunks(db: Queryable, { name, table }: StreamDeclaration): Promise<void> {
  const quoted = quoteIdentifier(table);
  // Asked first, because there are new ones once an hour, and asking for their times takes longer.
  const any = await readCell(db, { text: `select exists (${newParts(quoted)})::text` }, [name]);
  if (any !== 'true') return;
  const timescale = await readCell(db, { text: `select to_regclass('timescaledb_information.chunks')::text` });
  const times = timescale === null ? `select null::oid, null::timestamptz, null::timestamptz` : CHUNK_TIMES;
  await readCells(
    db,
    {
      text: `with fresh as materialized (${newParts(quoted)}),
          times(chunk, from_time, to_time) as (${times} union all ${PARTITION_TIMES})
        insert into ${OWN_SCHEMA}.rollup_chunks (stream, parent, chunk, from_time, to_time)
        select $1, fresh.parent, fresh.chunk, coalesce(times.from_time, '-infinity'),
          coalesce(times.to_time - interval '1 microsecond', 'infinity')
        from fresh left join times on times.chunk = fresh.chunk where $2::text is not null on conflict do nothing`,
    },
    [name, quoted],
  );
}
