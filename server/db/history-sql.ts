/**
 * The queries that list keys and lines of a stream, and tell how fresh they are. They are written for the indexes of the field: where
 * an index leads with key, series and time, a line (key and series) is read as one range of it; where it leads with key
 * and time, the key is one range and the reader tells its lines apart. Lists of keys and of lines are skip scans (a
 * recursive CTE that asks for the next greater value), which touch one index entry a value and not one a row.
 */
import { quoteIdentifier, selectExpression } from '../../shared/columns.ts';
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { hasLineIndex, ID_COLUMN, STREAM_LIST, TIME_COLUMN } from '../../shared/streams.ts';
import { MINUTES, MINUTES_AHEAD } from '../feed/window.ts';

/**
 * Ranges of an index that a query reads: whole keys, named lines, or the rows of a key whose series is null. Their keys are
 * bound as array `$1` and their series as array `$2`, so that a query reads many ranges in one round trip and is planned
 * once for all of them; `$3` is a time. Each row begins with the number of its range, counted from 1.
 */
export type Part = 'key' | 'line' | 'nameless';

/** SQL texts of one stream. Times are bound as epoch ms; every column that is selected is text, times as epoch ms too. */
export interface HistoryQueries {
  /** Whether lines are ranges of an index, so that a key is read line by line. */
  readonly lineByLine: boolean;
  /** `[key]` for every key. */
  readonly keys: string;
  /** `[key]` for every key with rows from `$1` on. */
  readonly keysSince: string;
  /** `[key, series]` for every line of the keys in array `$1`; series null where rows have none. Only where `lineByLine`. */
  readonly lines: string;
  /** `[created_at]` of the row that was written last among the newest of every line; none after now (`$1`) is believed. */
  readonly newestArrival: string;
  /** `[range, timestamp, series, ...values]` of each range's newest row. No `$3`. */
  newest(part: Part): string;
  /** As `newest` of whole keys, but for the series that `$2` lists for each key, as a JSON array in text. */
  readonly newestOther: string;
  /** `[range, minute since the epoch, rows]` from `$3` on, of an hour and the minutes ahead. */
  minutes(part: Part): string;
  /** `[range, series, arrived, spacing_ms]` for each line among a range's newest `$4` rows; `$3` is now. */
  arrivals(part: Part): string;
}

/** Rows that are looked at in all for when rows arrived and how far apart, and at least and at most of one range. */
const ARRIVAL_ROWS = { inAll: 50_000, least: 200, most: 5000 };

/**
 * How many of each range's newest rows tell its spacing: of few ranges as many as a day usually has, of a thousand keys at
 * once fewer, so that history does not wait for it.
 */
export function arrivalRows(ranges: number): number {
  const { inAll, least, most } = ARRIVAL_ROWS;
  return Math.max(least, Math.min(most, Math.floor(inAll / Math.max(1, ranges))));
}

const TIME = quoteIdentifier(TIME_COLUMN.name);
const ID = quoteIdentifier(ID_COLUMN.name);

/** Clocks of two machines differ: what was written up to this much after now counts as written now. */
const CLOCK_TOLERANCE = "interval '1 minute'";

/** An epoch in ms, bound as a parameter, as a timestamp. */
const instant = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;
/** A timestamp as the text of its epoch in ms. */
const epochMs = (expression: string): string => `(extract(epoch from ${expression}) * 1000)::text`;
/** Rows from a time on. Infinite timestamps are refused by every stream (F8). */
const since = (parameter: string): string => `t.${TIME} >= ${instant(parameter)} and t.${TIME} < 'infinity'`;
const FINITE = `t.${TIME} > '-infinity' and t.${TIME} < 'infinity'`;

function build(stream: StreamDeclaration): HistoryQueries {
  const table = `${quoteIdentifier(stream.table)} t`;
  const key = `t.${quoteIdentifier(stream.key.name)}`;
  const series = stream.series === null ? null : `t.${quoteIdentifier(stream.series.name)}`;
  const lineByLine = hasLineIndex(stream);
  const cells = [
    selectExpression(TIME_COLUMN),
    stream.series === null ? 'null' : selectExpression(stream.series),
    ...stream.values.map((column) => selectExpression(column)),
  ].join(', ');

  const conditions: Readonly<Record<Part, string>> = {
    key: `${key} = range.key_`,
    line: `${key} = range.key_ and ${series} = range.series_`,
    nameless: `${key} = range.key_ and ${series} is null`,
  };
  // Underscored, so that no column of a stream is meant by mistake. The arrays stand in subqueries, which hide how long they are, and so
  // does a limit: else PostgreSQL takes one plan for all values for dearer, and plans a prepared statement anew each time, which takes longer than to run it.
  const each = (part: Part, rest: string): string =>
    `unnest((select $1::text[]), (select $2::text[])) with ordinality as range(key_, series_, number_) cross join lateral (
      select t.* from ${table} where ${conditions[part]} and ${rest}) r`;

  const skip = (name: string, column: string, condition: string): string => `${name}(value) as (
    (select ${column} from ${table} where ${condition}${column} is not null order by ${column} limit 1)
    union all
    select (select ${column} from ${table} where ${condition}${column} > found.value order by ${column} limit 1)
    from ${name} found where found.value is not null)`;
  const everyKey = skip('keys', key, '');
  const everyLine = `lines(key, series) as (
    (select ${key}, ${series} from ${table} where ${key} is not null and ${series} is not null
     order by ${key}, ${series} limit 1)
    union all
    select following.* from lines cross join lateral
    (select ${key}, ${series} from ${table} where (${key}, ${series}) > (lines.key, lines.series)
     order by ${key}, ${series} limit 1) following)`;
  const listed = `with recursive ${everyKey}${lineByLine ? `, ${everyLine}` : ''}`;
  // What is one range of an index each, to be joined with the lists above.
  const ranges = lineByLine
    ? [
        { list: 'lines', key: 'lines.key', rows: `${key} = lines.key and ${series} = lines.series` },
        { list: 'keys', key: 'keys.value', rows: `${key} = keys.value and ${series} is null` },
      ]
    : [{ list: 'keys', key: 'keys.value', rows: `${key} = keys.value` }];

  return {
    lineByLine,
    keys: `with recursive ${everyKey} select value from keys where value is not null`,
    keysSince: `${listed} ${ranges
      .map(
        (range) =>
          `select ${range.key} from ${range.list} where exists (select from ${table} where ${range.rows} and ${since('$1')})`,
      )
      .join(' union ')}`,
    lines: `select range.key_, line.value from unnest((select $1::text[])) as range(key_) cross join lateral (
      with recursive ${skip('names', series ?? 'null', `${key} = range.key_ and `)}
      select value::text from names where value is not null
      union all select null where exists (select from ${table} where ${conditions.nameless})) line`,
    newestArrival: `${listed} select ${epochMs('max(newest.created_at)')} from (${ranges
      .map(
        (range) => `select newest.created_at from ${range.list} cross join lateral (
          (select t.created_at from ${table} where ${range.rows} and ${FINITE} order by t.${TIME} desc limit 1)
          union all
          (select t.created_at from ${table} where ${range.rows} and t.${TIME} <= ${instant('$1')}
           order by t.${TIME} desc limit 1)) newest`,
      )
      .join(' union all ')}) newest
      where newest.created_at > '-infinity' and newest.created_at <= ${instant('$1')} + ${CLOCK_TOLERANCE}`,
    newest: (part) =>
      `select range.number_::text, ${cells} from ${each(part, `${FINITE} order by t.${TIME} desc, t.${ID} desc limit 1`)}`,
    newestOther: `select range.number_::text, ${cells} from ${each(
      'key',
      `${FINITE} and not range.series_::jsonb @> jsonb_build_array(${series}) order by t.${TIME} desc, t.${ID} desc limit 1`,
    )}`,
    minutes: (part) =>
      `select range.number_::text, floor(extract(epoch from r.${TIME}) / 60)::text, count(*)::text
      from ${each(part, `${since('$3')} and t.${TIME} < ${instant('$3')} + interval '${MINUTES + MINUTES_AHEAD} minutes'`)} group by 1, 2`,
    arrivals: (part) => `with newest as (
        select range.number_, ${stream.series === null ? 'null' : `r.${quoteIdentifier(stream.series.name)}`}::text as series, r.created_at
        from ${each(part, `${FINITE} order by t.${TIME} desc limit (select $4::bigint)`)}),
      arrivals as (
        select distinct number_, series, created_at from newest
        where created_at > '-infinity' and created_at <= ${instant('$3')} + ${CLOCK_TOLERANCE}),
      spaced as (
        select number_, series, created_at,
          lag(created_at) over (partition by number_, series order by created_at) as previous
        from arrivals),
      gaps as (
        select number_, series, created_at, case when previous > ${instant('$3')} - interval '24 hours'
          then extract(epoch from created_at - previous) * 1000 end as gap
        from spaced)
      select number_::text, series, ${epochMs('max(created_at)')},
        case when count(gap) >= 2 then (percentile_cont(0.5) within group (order by gap))::text end
      from gaps group by number_, series`,
  };
}

const QUERIES: ReadonlyMap<StreamName, HistoryQueries> = new Map(
  STREAM_LIST.map((stream) => [stream.name, build(stream)]),
);

/** The queries of a stream. */
export function historyQueries(stream: StreamDeclaration): HistoryQueries {
  return QUERIES.get(stream.name) ?? build(stream);
}
