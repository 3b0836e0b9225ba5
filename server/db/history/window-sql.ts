/**
 * The queries that read a window of a stream's history: ranges of raw rows, reduced by the database; the packs of finished
 * hours; and what came after those. Each reads many ranges in one round trip.
 */
import { quoteIdentifier, selectExpression } from '../../../shared/columns.ts';
import { isScatter } from '../../../shared/reduce.ts';
import type { StreamDeclaration, StreamName } from '../../../shared/streams.ts';
import { CURSOR_COLUMN, hasLineIndex, ID_COLUMN, STREAM_LIST, TIME_COLUMN } from '../../../shared/streams.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import type { Part } from '../history-sql.ts';
import { packedAll, packedM4, packedStrongest } from './m4-sql.ts';

/** SQL texts of one stream. Times are bound as epoch ms; ranges as arrays: `$1` keys, `$2` series, `$3` from, the least first, `$4` to. */
export interface WindowQueries {
  /** `[range, series, pack]` of each range, reduced; `$5` is the bucket in ms, `$6` how many rows stay whole. */
  reduced(part: Part): string;
  /** The same of all rows, where a range has at most `$5`; the pack is an empty array where it has more. */
  few(part: Part): string;
  /** The same of all rows, not reduced. */
  whole(part: Part): string;
  /**
   * `[key, line, hour, whether it is of every row, pack]`: the packs of stream `$1` and of the lines of keys `$2` and names
   * `$8` (as packs have them; of all lines of those keys where no index knows lines) from hour `$3` to before `$4`, of
   * widths `$5` (no hour has two of them), in order of time, but for hours that a span from `$6` to `$7` touches. `hour` is
   * in hours since the epoch.
   */
  readonly packs: string;
  /**
   * `[key, series, id, timestamp, ...values]` of the rows of keys `$1` from `$2` to before `$3` that are not visible in
   * the snapshot `$4`, by (timestamp, id). Ids of transactions that were running then are `$5`, its end is `$6`.
   */
  readonly after: string;
}

/** Most rows after the packs that are read; with more of them the packs are of no use. */
export const MOST_AFTER_ROWS = 20_000;

/** So many rows a bucket are few. */
export const FEW = 8;

const TIME = `t.${quoteIdentifier(TIME_COLUMN.name)}`;
const ID = `t.${quoteIdentifier(ID_COLUMN.name)}`;
const instant = (expression: string): string => `to_timestamp((${expression})::float8 / 1000)`;

function build(stream: StreamDeclaration): WindowQueries {
  const table = `${quoteIdentifier(stream.table)} t`;
  const key = `t.${quoteIdentifier(stream.key.name)}`;
  const series = stream.series === null ? null : `t.${quoteIdentifier(stream.series.name)}`;
  const conditions: Readonly<Record<Part, string>> = {
    key: `${key} = range.key_`,
    line: `${key} = range.key_ and ${series} = range.series_`,
    nameless: `${key} = range.key_ and ${series} is null`,
  };
  // The least start is known when the query is planned, and so leaves older chunks of a hypertable out of the plan.
  const within = `${TIME} >= ${instant('range.from_')} and ${TIME} < ${instant('range.to_')}
    and ${TIME} >= ${instant('($3::float8[])[1]')}`;
  const rows = (part: Part): { from: string } => ({ from: `${table} where ${conditions[part]} and ${within}` });
  const ranges = `unnest($1::text[], $2::text[], $3::float8[], $4::float8[]) with ordinality
       as range(key_, series_, from_, to_, number_)`;
  const each = (lateral: string, name: string): string =>
    `select range.number_::text, ${name}, r.columns
     from ${ranges} cross join lateral (${lateral}) r`;
  // Where a bucket has few rows, leaving some of them out costs the database more than sending them all.
  const bucket = `($5::float8 * interval '1 ms')`;
  const few = `${FEW} * $6::int8`;
  const all = (part: Part): string => `select columns from (${packedAll(stream, rows(part))}) p`;
  const m4 = (part: Part): string => `select columns from (${packedM4(stream, rows(part), bucket)}) p`;
  const counted = (
    part: Part,
  ): string => `select case when counted.rows <= ${few} then (${all(part)}) else (${m4(part)}) end as columns
    from (select count(*) as rows from (select from ${rows(part).from} limit ${few} + 1) few) counted offset 0`;
  const atMost = (part: Part): string => `select case when p.rows <= $5::int8 then p.columns else '{}' end as columns
    from (${packedAll(stream, rows(part), '$5::int8 + 1')}) p`;
  const xid = `t.${quoteIdentifier(CURSOR_COLUMN)}`;
  const later = (condition: string): string =>
    `select t.* from ${table} where ${condition} and ${key} = any($1::text[])
       and ${TIME} >= ${instant('$2')} and ${TIME} < ${instant('$3')}
       and not pg_visible_in_snapshot(${xid}, $4::pg_snapshot)`;
  const cells = [
    stream.key,
    ...(stream.series === null ? [] : [stream.series]),
    ID_COLUMN,
    TIME_COLUMN,
    ...stream.values,
  ];
  const selected = cells.map((column) => selectExpression(column));
  if (stream.series === null) selected.splice(1, 0, 'null');
  return {
    reduced: (part) =>
      isScatter(stream)
        ? each(packedStrongest(stream, rows(part), bucket, '$6::int8'), 'r.series')
        : each(counted(part), 'range.series_'),
    few: (part) => each(atMost(part), 'range.series_'),
    whole: (part) => each(packedAll(stream, rows(part)), 'range.series_'),
    // Line by line, because a plan for keys and hours together may read a whole stream's hours.
    packs: `select own.key, own.line, (extract(epoch from own.hour) / 3600)::int8::text, (own.width = 0)::text, own.columns
      from unnest($2::text[], $8::text[]) as wanted(key_, line_) cross join lateral (
        select key, line, hour, rollups.width, columns from ${OWN_SCHEMA}.rollups
        where stream = $1 and key = wanted.key_ and ${knowsLines(stream) ? 'line = wanted.line_' : 'wanted.line_ is null'}
          and hour >= ${instant('$3')} and hour < ${instant('$4')} and width = any($5::int[])
          and not exists (select from unnest($6::float8[], $7::float8[]) as span(from_, to_)
            where ${instant('span.from_')} < hour + interval '1 hour' and ${instant('span.to_')} >= hour)
        offset 0) own
      order by own.hour`,
    after: `select ${selected.join(', ')} from (
        ${later(`${xid} >= $6::xid8`)} union all ${later(`${xid} = any($5::xid8[])`)}) t
      order by ${TIME}, ${ID} limit ${MOST_AFTER_ROWS + 1}`,
  };
}

/** Whether the lines of a stream are known before its packs are read: where it has but one a key, or an index lists them. */
export function knowsLines(stream: StreamDeclaration): boolean {
  return stream.series === null || hasLineIndex(stream);
}

const QUERIES: ReadonlyMap<StreamName, WindowQueries> = new Map(
  STREAM_LIST.map((stream) => [stream.name, build(stream)]),
);

/** The queries of a stream. */
export function windowQueries(stream: StreamDeclaration): WindowQueries {
  return QUERIES.get(stream.name) ?? build(stream);
}
