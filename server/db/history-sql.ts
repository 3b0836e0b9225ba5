/**
 * The queries that read a stream's past, all of them in one place. They are written for the indexes of the field: where
 * an index leads with key, series and time, a line (key and series) is read as one range of it; where it leads with key
 * and time, the key is one range and the reader tells its lines apart. Lists of keys and of lines are skip scans (a
 * recursive CTE that asks for the next greater value), which touch one index entry a value and not one a row.
 */
import { quoteIdentifier, selectExpression, selectList } from '../../shared/columns.ts';
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { ID_COLUMN, STREAM_LIST, TIME_COLUMN } from '../../shared/streams.ts';

/**
 * Which rows of a key a query reads: `key`, all of them (`$1` is the key); `line`, those of one series (`$1`, `$2`);
 * `nameless`, those whose series is null (`$1`). What comes after is bound behind these.
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
  /** `[series]` for every series of key `$1`, null among them where rows have none. Only where `lineByLine`. */
  readonly lines: string;
  /** `[created_at]` of the row that was written last among the newest of every line; none after now (`$1`) is believed. */
  readonly newestArrival: string;
  /** `[timestamp, series, ...values]` of the rows from the time on, in order of (timestamp, id). */
  rows(part: Part): string;
  /** `[timestamp, series, ...values]` of the newest row. */
  newest(part: Part): string;
  /** As `newest` of key `$1`, but for the series in array `$2` and, where `$3` is true, for the null one. */
  readonly newestOther: string;
  /** `[series, arrived, spacing_ms]` for each line among the part's newest `ARRIVAL_ROWS` rows; last parameter: now. */
  arrivals(part: Part): string;
  /** `[exact timestamp, ...columnsOf]` of key `$1`'s rows from `$2` on, newest first, at most `$3`; documents whole. */
  readonly page: string;
  /** `page` from below the row with exact timestamp `$4` and id `$5`. */
  readonly nextPage: string;
}

/** How many of the newest rows are looked at for when rows arrived and how far apart. */
export const ARRIVAL_ROWS = 1_000;

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
  const lineByLine = stream.indexes.includes(`${stream.key.name}, ${stream.series?.name}, "timestamp" desc`);
  const cells = [
    selectExpression(TIME_COLUMN),
    series === null ? 'null' : `${series}::text`,
    ...stream.values.map((column) => selectExpression(column)),
  ].join(', ');

  const conditions: Readonly<Record<Part, string>> = {
    key: `${key} = $1`,
    line: `${key} = $1 and ${series} = $2`,
    nameless: `${key} = $1 and ${series} is null`,
  };
  const next = (part: Part): string => (part === 'line' ? '$3' : '$2');

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

  const newestOf = (condition: string): string =>
    `select ${cells} from ${table} where ${condition} and ${FINITE} order by t.${TIME} desc, t.${ID} desc limit 1`;

  const pageOf = (more: string): string => {
    const range = (condition: string): string =>
      `select t.* from ${table} where ${condition} and ${since('$2')}${more}
       order by t.${TIME} desc, t.${ID} desc limit $3::int`;
    const columns = `r.${TIME}::text, ${selectList(stream, Number.POSITIVE_INFINITY)}`;
    if (!lineByLine) return `select ${columns} from (${range(conditions.key)}) r order by r.${TIME} desc, r.${ID} desc`;
    return `with recursive ${skip('names', series ?? '', `${conditions.key} and `)}
      select ${columns} from (
        (select newest.* from names cross join lateral (${range(`${key} = $1 and ${series} = names.value`)}) newest)
        union all (${range(conditions.nameless)})
      ) r order by r.${TIME} desc, r.${ID} desc limit $3::int`;
  };
  const below = ` and (t.${TIME}, t.${ID}) < ($4::timestamptz, $5::bigint)`;

  return {
    lineByLine,
    keys: `with recursive ${everyKey} select value from keys where value is not null`,
    keysSince: `${listed} ${ranges
      .map(
        (range) =>
          `select ${range.key} from ${range.list} where exists (select from ${table} where ${range.rows} and ${since('$1')})`,
      )
      .join(' union ')}`,
    lines: `with recursive ${skip('names', series ?? 'null', `${conditions.key} and `)}
      select value::text from names where value is not null
      union all select null where exists (select from ${table} where ${conditions.nameless})`,
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
    rows: (part) =>
      `select ${cells} from ${table} where ${conditions[part]} and ${since(next(part))} order by t.${TIME}, t.${ID}`,
    newest: (part) => newestOf(conditions[part]),
    newestOther: newestOf(
      `${conditions.key} and case when ${series} is null then not $3::bool else ${series} <> all($2::text[]) end`,
    ),
    arrivals: (part) => {
      const now = instant(next(part));
      return `with newest as (
          select ${series ?? 'null'}::text as series, t.created_at from ${table} where ${conditions[part]} and ${FINITE}
          order by t.${TIME} desc limit ${ARRIVAL_ROWS}),
        arrivals as (
          select distinct series, created_at from newest
          where created_at > '-infinity' and created_at <= ${now} + ${CLOCK_TOLERANCE}),
        spaced as (
          select series, created_at, lag(created_at) over (partition by series order by created_at) as previous
          from arrivals),
        gaps as (
          select series, created_at, case when previous > ${now} - interval '24 hours'
            then extract(epoch from created_at - previous) * 1000 end as gap from spaced)
        select series, ${epochMs('max(created_at)')},
          case when count(gap) >= 2 then (percentile_cont(0.5) within group (order by gap))::text end
        from gaps group by series`;
    },
    page: pageOf(''),
    nextPage: pageOf(below),
  };
}

const QUERIES: ReadonlyMap<StreamName, HistoryQueries> = new Map(
  STREAM_LIST.map((stream) => [stream.name, build(stream)]),
);

/** The queries of a stream. */
export function historyQueries(stream: StreamDeclaration): HistoryQueries {
  return QUERIES.get(stream.name) ?? build(stream);
}
