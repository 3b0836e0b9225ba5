/** The queries by which packs are made: which lines have how many rows in an hour, and their packs, which never leave the database. */
import { quoteIdentifier } from '../../../shared/columns.ts';
import { hasLineIndex, type StreamDeclaration, TIME_COLUMN } from '../../../shared/streams.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { packedAll, packedM4 } from '../history/m4-sql.ts';
import { instant, MOST_UNPACKED } from './tables.ts';

const TIME = `t.${quoteIdentifier(TIME_COLUMN.name)}`;

/** Lines are found by an index each: those of a named series, those of none, and keys where a stream has no series. */
export type LinePart = 'named' | 'nameless' | 'key';

/** SQL texts of one stream. Hours are bound as epoch ms of their beginning. */
export interface LineQueries {
  /** `[key, series, hour, rows]` of each line with more rows than go unpacked in one of the hours in array `$1`. */
  readonly hours: string;
  /** The same of the one hour that begins at `hour`, which all rows of it are read for. */
  wholeHour(hour: number): string;
  /** `[number, rows]` for each line in arrays `$1` (keys), `$2` (series), `$3` (hours), numbered from 1. */
  count(part: LinePart): string;
  /** Drops what packs there are of the lines in arrays `$1`, `$2`, `$3`. */
  clear(part: LinePart): string;
  /** Makes the packs of a width (s) for the lines in arrays `$1`, `$2`, `$3`. */
  build(part: LinePart, width: number): string;
}

/** The part of a stream's lines that one belongs to. */
export function partOf(stream: StreamDeclaration, series: string | null): LinePart {
  if (stream.series === null) return 'key';
  return series === null ? 'nameless' : 'named';
}

/** How a line's name stands in `rollups.line`. */
export function lineName(series: string | null): string {
  return series === null ? '' : `:${series}`;
}

/** SQL of `lineName` for an expression. */
export function lineNameSql(series: string | null): string {
  return series === null ? `''` : `coalesce(':' || ${series}, '')`;
}

/** Builds the queries of a stream. */
export function lineQueries(stream: StreamDeclaration): LineQueries {
  const table = `${quoteIdentifier(stream.table)} t`;
  const key = `t.${quoteIdentifier(stream.key.name)}`;
  const series = stream.series === null ? null : `t.${quoteIdentifier(stream.series.name)}`;
  const within = `${TIME} >= l.hour_ and ${TIME} < l.hour_ + interval '1 hour'`;
  const conditions: Readonly<Record<LinePart, string>> = {
    named: `${key} = l.key_ and ${series} = l.series_ and ${within}`,
    nameless: `${key} = l.key_ and ${series} is null and ${within}`,
    key: `${key} = l.key_ and ${within}`,
  };
  // Underscored, so that no column of a stream is meant by mistake.
  const lines = `(select a.key_, a.series_, ${instant('a.ms_')} as hour_, a.number_
    from unnest($1::text[], $2::text[], $3::float8[]) with ordinality as a(key_, series_, ms_, number_)) l`;
  return {
    hours: hoursQuery(stream, conditions),
    wholeHour: (hour) => {
      // As literals, so that the planner leaves out the chunks and partitions of other times.
      const from = `'${new Date(hour).toISOString()}'::timestamptz`;
      return `select ${key}::text, ${series === null ? 'null' : `${series}::text`}, '${hour}', count(*)::text
        from ${table} where ${TIME} >= ${from} and ${TIME} < ${from} + interval '1 hour' and ${key} is not null
        group by 1, 2 having count(*) > ${MOST_UNPACKED}`;
    },
    count: (part) => `select l.number_::text, counted.rows::text from ${lines}
      cross join lateral (select count(*) as rows from ${table} where ${conditions[part]}) counted`,
    clear: (part) => `delete from ${OWN_SCHEMA}.rollups r using ${lines}
      where r.stream = '${stream.name}' and r.key = l.key_ and r.hour = l.hour_
        and r.line = ${lineNameSql(part === 'named' ? 'l.series_' : null)}`,
    build(part, width) {
      const rows = { from: `${table} where ${conditions[part]}` };
      const pack = width === 0 ? packedAll(stream, rows) : packedM4(stream, rows, `interval '${width} seconds'`);
      return `insert into ${OWN_SCHEMA}.rollups (stream, key, line, hour, width, rows, columns)
        select '${stream.name}', l.key_, ${lineNameSql(part === 'named' ? 'l.series_' : null)}, l.hour_, ${width},
          pack.rows::int, pack.columns
        from ${lines} cross join lateral (${pack}) pack where pack.columns is not null
        on conflict (stream, key, line, hour, width) do update set rows = excluded.rows, columns = excluded.columns`;
    },
  };
}

/** Lists of keys and lines are skip scans: each asks for the next greater value, which is one step in an index. */
function hoursQuery(stream: StreamDeclaration, conditions: Readonly<Record<LinePart, string>>): string {
  const table = `${quoteIdentifier(stream.table)} t`;
  const key = `t.${quoteIdentifier(stream.key.name)}`;
  const hours = `(select ${instant('ms_')} as hour_, ms_ from unnest($1::float8[]) as a(ms_)) h`;
  const keys = `keys(key_) as (
    (select ${key}::text from ${table} where ${key} is not null order by ${key} limit 1)
    union all
    select (select ${key}::text from ${table} where ${key} > k.key_ order by ${key} limit 1)
    from keys k where k.key_ is not null)`;
  const ofKeys = `(select k.key_, h.hour_, h.ms_ from keys k cross join ${hours} where k.key_ is not null) l`;
  const count = (part: LinePart): string => `select count(*) as rows from ${table} where ${conditions[part]}`;
  const many = (counted: string): string => `where ${counted}.rows > ${MOST_UNPACKED}`;
  if (stream.series === null) {
    return `with recursive ${keys}
      select l.key_, null, l.ms_::text, c.rows::text from ${ofKeys} cross join lateral (${count('key')}) c ${many('c')}`;
  }
  const series = `t.${quoteIdentifier(stream.series.name)}`;
  if (!hasLineIndex(stream)) {
    return `with recursive ${keys}
      select l.key_, c.series_, l.ms_::text, c.rows::text from ${ofKeys} cross join lateral (
        select ${series}::text as series_, count(*) as rows from ${table} where ${conditions.key} group by 1) c ${many('c')}`;
  }
  return `with recursive ${keys}, named(key_, series_) as (
      (select ${key}::text, ${series}::text from ${table} where ${key} is not null and ${series} is not null
       order by ${key}, ${series} limit 1)
      union all
      select following.* from named n cross join lateral (
        select ${key}::text, ${series}::text from ${table} where (${key}, ${series}) > (n.key_, n.series_)
        order by ${key}, ${series} limit 1) following)
    select l.key_, l.series_, l.ms_::text, c.rows::text
      from (select n.key_, n.series_, h.hour_, h.ms_ from named n cross join ${hours}) l
      cross join lateral (${count('named')}) c ${many('c')}
    union all
    select l.key_, null, l.ms_::text, c.rows::text
      from ${ofKeys} cross join lateral (${count('nameless')}) c ${many('c')}`;
}
