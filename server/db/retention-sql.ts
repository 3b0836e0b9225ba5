/** The queries of retention. Times are bound and read as PostgreSQL's own text, so that no microsecond is lost. */
import { quoteIdentifier } from '../../shared/columns.ts';
import { CREATED_COLUMN, CURSOR_COLUMN, ID_COLUMN, type StreamDeclaration, TIME_COLUMN } from '../../shared/streams.ts';
import { OWN_SCHEMA } from './catalogue.ts';
import { historyQueries } from './history-sql.ts';
import { ROLLED_STREAMS } from './rollup/tables.ts';

/** SQL texts of one stream. */
export interface RetentionQueries {
  /** `[key]` for every key. */
  readonly keys: string;
  /**
   * `(reference, cutoff, proven)` of keys `$1`, days `$2` and the server's own clock `$3` (epoch ms); no row for a table
   * whose rows do not tell.
   */
  readonly bounds: string;
  /**
   * `(place, time, id, due)` of key `$1`'s rows before cutoff `$2`, in order, at most `$4`, whether they are due (by mark
   * `$3`) or not.
   */
  readonly first: string;
  /** As `first`, after the row with time `$5` and id `$6`. */
  readonly next: string;
  /**
   * `(rows, packs)`: deletes those of the rows at places `$1` that are due by cutoff `$2` and mark `$3`, and the packs of
   * their hours.
   */
  readonly remove: string;
}

const TIME = `t.${quoteIdentifier(TIME_COLUMN.name)}`;
const ID = `t.${quoteIdentifier(ID_COLUMN.name)}`;
const CREATED = `t.${quoteIdentifier(CREATED_COLUMN.name)}`;
const CURSOR = `t.${quoteIdentifier(CURSOR_COLUMN)}`;
const HOUR = `interval '1 hour'`;

/**
 * A row is due when its own time and that of its writing are over, and when it was there at the mark already. A row that
 * is late by weeks, as of a bulk import, thus stays as long as one that came in time; and none is deleted before every
 * server has delivered it, not even one that claims to have been written long ago.
 */
const due = (cutoff: string, mark: string): string =>
  `${TIME} < ${cutoff}::timestamptz and coalesce(${CREATED} < ${cutoff}::timestamptz, true)
   and (${CURSOR} is null or ${CURSOR} < ${mark}::xid8) is true`;

/** The queries of a stream. */
export function retentionQueries(stream: StreamDeclaration): RetentionQueries {
  const table = `${quoteIdentifier(stream.table)} t`;
  const key = `t.${quoteIdentifier(stream.key.name)}`;
  const line = stream.series === null ? `''` : `coalesce(':' || t.${quoteIdentifier(stream.series.name)}, '')`;
  const page = (after: string): string => `
    select t.ctid::text as place, ${TIME}::text as time, ${ID}::text as id, ${due('$2', '$3')} as due
    from ${table} where ${key} = $1 and ${TIME} < $2::timestamptz${after}
    order by ${TIME}, ${ID} limit $4::int`;
  const rolled = ROLLED_STREAMS.some(({ name }) => name === stream.name);
  return {
    keys: historyQueries(stream).keys,
    bounds: `
      with newest as (
        select max(n.at) as at, max(n.created) as created from unnest($1::text[]) key_ cross join lateral (
          select ${TIME} as at, ${CREATED} as created from ${table} where ${key} = key_ and ${TIME} < 'infinity'
          order by ${TIME} desc limit 1) n),
      reference as (
        select least(now(), to_timestamp($3::float8 / 1000), at, created) as reference from newest
        where at > '-infinity' and coalesce(created > '-infinity', true)),
      bounds as (
        select reference, date_bin(${HOUR}, reference, 'epoch') - make_interval(hours => 24 * $2::int) as cutoff
        from reference)
      select reference::text, cutoff::text, exists (
        select from unnest($1::text[]) key_ cross join lateral (
          select from ${table} where ${key} = key_ and ${TIME} >= cutoff and ${TIME} <= reference - interval '1 day'
          limit 1) kept) as proven
      from bounds`,
    first: page(''),
    next: page(` and ${TIME} >= $5::timestamptz and (${TIME}, ${ID}) > ($5::timestamptz, $6::bigint)`),
    remove: `
      with gone as (
        delete from ${table} where t.ctid = any ($1::text[]::tid[]) and ${due('$2', '$3')}
        returning ${key}::text as key, ${line} as line, ${TIME} as at)${rolled ? removePacks(stream) : ''}
      select (select count(*)::int from gone) as rows, ${rolled ? '(select count(*)::int from packs)' : '0'} as packs`,
  };
}

function removePacks({ name }: StreamDeclaration): string {
  return `,
      hours as (
        select distinct key, line, date_bin(${HOUR}, at, 'epoch') as hour from gone where at > '-infinity'),
      packs as (
        delete from ${OWN_SCHEMA}.rollups r using hours h
        where r.stream = '${name}' and r.key = h.key and r.line = h.line and r.hour = h.hour returning 1),
      note as (
        insert into ${OWN_SCHEMA}.rollup_rewrites (stream, from_time, to_time)
        select '${name}', min(at), max(at) from gone having count(*) > 0)`;
}
