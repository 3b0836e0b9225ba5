/**
 * The reduction in SQL: which rows of a line stay, packed to a few bytea columns so that thousands of rows cross the wire
 * and wait in a rollup as cheaply as one. `shared/m4.ts` makes the same choice of rows in memory.
 */
import { quoteIdentifier } from '../../../shared/columns.ts';
import { ALWAYS_DRAWN, POINTS_A_BUCKET, USUAL_THRESHOLD } from '../../../shared/reduce.ts';
import type { ColumnKind, StreamDeclaration, ValueColumn } from '../../../shared/streams.ts';
import { ID_COLUMN, TIME_COLUMN } from '../../../shared/streams.ts';

const TIME = quoteIdentifier(TIME_COLUMN.name);
const ID = quoteIdentifier(ID_COLUMN.name);

/** Kinds of columns whose values are drawn as lines, so that M4 keeps their extremes. */
const DRAWN: ReadonlySet<ColumnKind> = new Set(['integer', 'decimal', 'float']);

/** A NaN that no number is printed as; it stands for null among packed numbers. */
const NULL_NUMBER = '\\x7ff8000000000001';
/** A time before all that there are; it stands for null among packed times. */
const NULL_TIME = '\\x8000000000000001';

/** Whether a column's values are drawn as a line. */
export function isDrawn({ kind }: ValueColumn): boolean {
  return DRAWN.has(kind);
}

/** Where rows are read: all columns of the stream's table under the alias `t`, one line's rows and no other's. */
export interface LineRows {
  /** What follows FROM, with its WHERE: `funding_rates t where t.symbol = $1 and ...`. Times must be finite. */
  readonly from: string;
}

/**
 * M4 of one line: one row `(rows int8, columns bytea[])`, also where there are no rows (`columns` is null then).
 *
 * `rows` counts the rows before the reduction. `columns` holds, of the rows that are kept, in order of (timestamp, id):
 * ids as big-endian doubles and times as PostgreSQL sends them (big-endian microseconds since 2000-01-01, 8 bytes), then each
 * value column of the declaration: numbers as doubles with `NULL_NUMBER` for null, times with `NULL_TIME`, decimals as their
 * digits joined by commas (nothing for null), texts as JSON joined by commas. At last come the buckets: their starts as
 * times, and how many rows each has, as doubles.
 *
 * The sort of `ordered` is what the aggregates rely on: a group by a prefix of it keeps the order within each group,
 * whether PostgreSQL hashes or not.
 *
 * @param bucket the width of a bucket as SQL of an interval.
 */
export function packedM4(stream: StreamDeclaration, { from }: LineRows, bucket: string): string {
  const drawn = stream.values.map((column, index) => ({ column, index })).filter(({ column }) => isDrawn(column));
  const cells = stream.values.map(({ name }, index) => `t.${quoteIdentifier(name)} as v${index}`);
  const finite = drawn.map(
    ({ column, index }) => `${finiteTest(`t.${quoteIdentifier(column.name)}`, column.kind)} as f${index}`,
  );
  const extremes = drawn.flatMap(({ column, index }) => [
    ...(isTested(column.kind) ? [`array_agg(f${index}) as fs${index}`] : []),
    `count(*) filter (where f${index})::int as n${index}`,
    `min(v${index}) filter (where f${index}) as low${index}`,
    `max(v${index}) filter (where f${index}) as high${index}`,
  ]);
  const places = drawn.flatMap(({ column, index }) => {
    const holds = isTested(column.kind) ? `fs${index}[i]` : `vs${index}[i] is not null`;
    const end = (which: 'min' | 'max'): string => `(select ${which}(i) from generate_series(1, n) i where ${holds})`;
    return [
      `case when n${index} = n then 1 else ${end('min')} end`,
      `case when n${index} = n then n else ${end('max')} end`,
      // Where nothing is finite, array_position would find a null.
      `case when n${index} > 0 then array_position(vs${index}, low${index}) end`,
      `case when n${index} > 0 then array_position(vs${index}, high${index}) end`,
    ];
  });
  const some = drawn.map(({ index }) => `n${index} > 0`).join(' or ');
  return `with ordered as (
      select date_bin(${bucket}, t.${TIME}, 'epoch') as bucket, t.${TIME} as at, t.${ID} as id,
        ${[...cells, ...finite].join(', ')}
      from ${from} order by 1, 2, 3),
    buckets as materialized (
      select bucket, count(*)::int as n, array_agg(at) as ats, array_agg(id) as ids,
        ${[...stream.values.map((_, index) => `array_agg(v${index}) as vs${index}`), ...extremes].join(', ')}
      from ordered group by bucket),
    kept as (
      select bucket, place, ats[place] as at, ids[place] as id,
        ${stream.values.map((_, index) => `vs${index}[place] as v${index}`).join(', ')}
      from (select *, case when ${some} then array[${places.join(', ')}] else array[1, n] end as places from buckets) b
        cross join lateral (select distinct place from unnest(places) place where place is not null) p
      order by bucket, place),
    counted as (
      select sum(n)::int8 as rows, string_agg(timestamptz_send(bucket), '' order by bucket) as starts,
        string_agg(${double('n')}, '' order by bucket) as counts
      from buckets)
    select coalesce(counted.rows, 0) as rows, packed.columns || array[counted.starts, counted.counts] as columns
    from counted cross join (select ${packed(stream)} from kept) packed`;
}

/**
 * As `packedM4`, of all rows, without the columns of buckets.
 *
 * @param most of how many rows at most, as SQL; absent: of all there are.
 */
export function packedAll(stream: StreamDeclaration, { from }: LineRows, most: string | null = null): string {
  const cells = stream.values.map(({ name }, index) => `t.${quoteIdentifier(name)} as v${index}`);
  return `with kept as (
      select t.${TIME} as at, t.${ID} as id, ${cells.join(', ')} from ${from} order by 1, 2${most === null ? '' : ` limit ${most}`})
    select count(*)::int8 as rows, ${packed(stream)} from kept`;
}

/**
 * The points of a channel that are drawn as points: `[series, rows, columns]` for each line of it, packed as by `packedM4`.
 * Every row at or above its own threshold stays, and of each bucket's others the strongest. Where a line has more of the
 * former than can be told apart, the strongest dozen of each bucket stays.
 *
 * @param most a line of so many rows or fewer stays whole.
 */
export function packedStrongest(stream: StreamDeclaration, { from }: LineRows, bucket: string, most: string): string {
  const cells = stream.values.map(({ name }, index) => `t.${quoteIdentifier(name)} as v${index}`);
  const series = stream.series === null ? 'null' : `t.${quoteIdentifier(stream.series.name)}::text`;
  return `with judged as (
      select ${series} as series, date_bin(${bucket}, t.${TIME}, 'epoch') as bucket, t.${TIME} as at, t.${ID} as id,
        ${cells.join(', ')}, nullif(abs(t.z_score), 'NaN') as strength,
        coalesce(abs(t.z_score) >= coalesce(nullif(t.threshold, 'NaN'), ${USUAL_THRESHOLD}) and t.z_score <> 'NaN', false) as strong
      from ${from}),
    ranked as (
      select *, count(*) over line as total, count(*) filter (where strong) over line as strongs,
        row_number() over (partition by series, bucket, strong order by strength desc nulls last, at, id) as place,
        row_number() over (partition by series, bucket order by strength desc nulls last, at, id) as rank
      from judged window line as (partition by series)),
    kept as (
      select * from ranked
      where total <= ${most}
        or case when strongs > greatest(${POINTS_A_BUCKET} * (${most}), ${ALWAYS_DRAWN}) then rank <= ${POINTS_A_BUCKET}
          else strong or place = 1 end
      order by series, at, id),
    buckets as (select series, bucket, count(*) as n from judged group by series, bucket),
    counted as (
      select series, sum(n)::int8 as rows, string_agg(timestamptz_send(bucket), '' order by bucket) as starts,
        string_agg(${double('n')}, '' order by bucket) as counts
      from buckets group by series)
    select counted.series, counted.rows, packed.columns || array[counted.starts, counted.counts] as columns
    from counted join (select series, ${packed(stream)} from kept group by series) packed
      on packed.series is not distinct from counted.series`;
}

/** SQL of the columns of `kept`, which is in order. */
function packed(stream: StreamDeclaration): string {
  const columns = [
    `string_agg(${double('id')}, '')`,
    `string_agg(timestamptz_send(at), '')`,
    ...stream.values.map(({ kind }, index) => packedColumn(kind, `v${index}`)),
  ];
  return `array[${columns.join(', ')}] as columns`;
}

function packedColumn(kind: ColumnKind, value: string): string {
  switch (kind) {
    case 'decimal':
      return `convert_to(string_agg(coalesce(${value}::text, ''), ','), 'UTF8')`;
    case 'text':
      return `convert_to(string_agg(coalesce(to_json(${value}::text)::text, 'null'), ','), 'UTF8')`;
    case 'timestamp':
      return `string_agg(coalesce(timestamptz_send(${value}), '${NULL_TIME}'), '')`;
    case 'integer':
      return `string_agg(coalesce(${double(value)}, '${NULL_NUMBER}'), '')`;
    default:
      // What has four bytes goes by way of its digits, so that a `real` is the number that rows show, and not that number's
      // nearest neighbour; for a double that would take most of the time.
      return `string_agg(coalesce(${double(`case when pg_column_size(${value}) = 4 then ${value}::text::float8 else ${value}::float8 end`)}, '${NULL_NUMBER}'), '')`;
  }
}

const double = (expression: string): string => `float8send((${expression})::float8)`;

/** Whether values of a kind can be other than finite or null; NaN sorts above infinity. */
function isTested(kind: ColumnKind): boolean {
  return kind !== 'integer';
}

function finiteTest(value: string, kind: ColumnKind): string {
  if (!isTested(kind)) return `${value} is not null`;
  return `(${value} > '-Infinity' and ${value} < 'Infinity') is true`;
}
