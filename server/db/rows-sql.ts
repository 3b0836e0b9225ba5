/**
 * The queries that read a stream's rows newest first, a page at a time. A page is bounded twice: by a number of rows, and
 * by the size of their documents, so that rows of hundreds of kB fill no memory.
 */
import { quoteIdentifier, selectList } from '../../shared/columns.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { ID_COLUMN, TIME_COLUMN } from '../../shared/streams.ts';

/** Where a row stands among the rows of its stream: microseconds since the epoch, and its id. */
export interface RowPlace {
  readonly micros: bigint;
  readonly id: bigint;
}

/** An upper edge, not part of what is below it: a time (epoch ms, a fraction carries microseconds), or a row's place. */
export type Edge = { readonly ms: number } | { readonly place: RowPlace };

/** A line: the rows of a key that have one series, or that name none. */
export interface Line {
  readonly key: string;
  readonly series: string | null;
}

/**
 * What is read: the table as it is, for an index on the time alone or for parts of the table by time; whole keys, for an
 * index on key and time; or lines, for an index on key, series and time. Of the first two one series where it is named.
 */
export type RowsScope =
  | { readonly kind: 'table'; readonly series: string | null }
  | { readonly kind: 'keys'; readonly keys: readonly string[]; readonly series: string | null }
  | { readonly kind: 'lines'; readonly lines: readonly Line[] };

/** Rows alone whose value is at least so large, whatever its sign; null and NaN never are. */
export interface Magnitude {
  readonly column: string;
  readonly least: number;
}

/** A page: rows at or after `from` (epoch ms; null: from the beginning) and below `below` (null: to the end). */
export interface PageRequest {
  readonly scope: RowsScope;
  readonly from: number | null;
  readonly below: Edge | null;
  readonly magnitude?: Magnitude | undefined;
  /** Most rows; rows of one place stay together, so that they may be a few more. */
  readonly rows: number;
  /** Most bytes of documents as the table stores them (compressed); a page has one place at least. */
  readonly documentBytes: number;
}

/** A query with its parameters. */
export interface BoundQuery {
  readonly text: string;
  readonly values: readonly unknown[];
}

const TIME = quoteIdentifier(TIME_COLUMN.name);
const ID = quoteIdentifier(ID_COLUMN.name);
const MICROS_A_DAY = 86_400_000_000n;

/** Underscored, so that no column of a table in the field is meant by mistake. */
const NEWEST_FIRST = (alias: string): string => `${alias}.${TIME} desc, ${alias}.${ID} desc`;

/** `[rows that were found, ...columnsOf]`, newest first: where more were found than came, the documents were too large. */
export function pageQuery(stream: StreamDeclaration, request: PageRequest): BoundQuery {
  const { values, bind } = parameters();
  const most = `fetch first (${bind(request.rows)}::bigint) rows with ties`;
  const found = foundRows(stream, request, bind, (condition) => {
    const bounds = `${between(request, bind)}${atLeast(request, bind)}`;
    const rows = `select t.* from ${quoteIdentifier(stream.table)} t where ${condition} and ${bounds}`;
    return `${rows} order by ${NEWEST_FIRST('t')} ${most}`;
  });
  // The size of what is stored is known without reading it; the frame leaves out the row itself and all of its place.
  const size = stream.documents.map((name) => `coalesce(pg_column_size(f.${quoteIdentifier(name)}), 0)`).join(' + ');
  const text = `select found_::text, ${selectList(stream, Number.POSITIVE_INFINITY)} from (
      select f.*, count(*) over () as found_, coalesce(sum(${size}) over (
        order by ${NEWEST_FIRST('f')} groups between unbounded preceding and 1 preceding), 0) as before_
      from (${found} order by ${NEWEST_FIRST('r')} ${most}) f) r
    where before_ < ${bind(request.documentBytes)}::bigint order by ${NEWEST_FIRST('r')}`;
  return { text, values };
}

/** `[epoch ms]` of the newest row below an edge; null where there is none. */
export function newestQuery(stream: StreamDeclaration, request: Pick<PageRequest, 'scope' | 'below'>): BoundQuery {
  const { values, bind } = parameters();
  const found = foundRows(stream, { scope: request.scope }, bind, (condition) => {
    const rows = `select t.${TIME} from ${quoteIdentifier(stream.table)} t where ${condition}`;
    return `${rows} and ${between({ from: null, below: request.below }, bind)} order by t.${TIME} desc limit 1`;
  });
  return { text: `select (extract(epoch from max(newest.${TIME})) * 1000)::text from (${found}) newest`, values };
}

/**
 * `[whether an index leads with the time, whether the table has parts (a hypertable's chunks are such too)]`, as text.
 * `$1` is the quoted name of the table.
 */
export const BY_TIME = `select exists (
  select from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = to_regclass($1) and i.indisvalid and i.indpred is null and m.amname = 'btree'
    and a.attname = '${TIME_COLUMN.name}')::text,
  exists (select from pg_inherits where inhparent = to_regclass($1))::text`;

/** The rows of a scope as `r`; `rows` reads those of one range of an index. */
function foundRows(
  stream: StreamDeclaration,
  { scope }: { readonly scope: RowsScope },
  bind: (value: unknown) => string,
  rows: (condition: string) => string,
): string {
  const key = `t.${quoteIdentifier(stream.key.name)}`;
  const series = stream.series === null ? 'null' : `t.${quoteIdentifier(stream.series.name)}`;
  const named = scope.kind === 'lines' || scope.series === null ? '' : ` and ${series} = ${bind(scope.series)}`;
  if (scope.kind === 'table') return `select * from (${rows(`${key} is not null${named}`)}) r`;
  if (scope.kind === 'keys') {
    return `select r.* from unnest(${bind(scope.keys)}::text[]) as range(key_)
      cross join lateral (${rows(`${key} = range.key_${named}`)}) r`;
  }
  const ofSeries = scope.lines.filter((line) => line.series !== null);
  const nameless = scope.lines.filter((line) => line.series === null);
  const keysOf = (lines: readonly Line[]): string => `${bind(lines.map((line) => line.key))}::text[]`;
  const parts = [
    `select r.* from unnest(${keysOf(ofSeries)}, ${bind(ofSeries.map((line) => line.series))}::text[]) as range(key_, series_)
      cross join lateral (${rows(`${key} = range.key_ and ${series} = range.series_`)}) r`,
  ];
  if (nameless.length > 0) {
    parts.push(`select r.* from unnest(${keysOf(nameless)}) as range(key_)
      cross join lateral (${rows(`${key} = range.key_ and ${series} is null`)}) r`);
  }
  return `select r.* from (${parts.join(' union all ')}) r`;
}

/** The condition on time and place. Rows of infinite time are refused by every stream (F8), and those without an id. */
function between({ from, below }: Pick<PageRequest, 'from' | 'below'>, bind: (value: unknown) => string): string {
  const instant = (ms: number): string => `to_timestamp(${bind(ms)}::float8 / 1000)`;
  const since = from === null ? `t.${TIME} > '-infinity'` : `t.${TIME} >= ${instant(from)}`;
  const least = `t.${ID} is not null and ${since}`;
  if (below === null) return `${least} and t.${TIME} < 'infinity'`;
  if ('ms' in below) return `${least} and t.${TIME} < ${instant(below.ms)}`;
  const { micros, id } = below.place;
  // To the microsecond, at any distance from now, and the same under any time zone and style of dates.
  const time = `(timestamp 'epoch' + ${bind(intervalOf(micros))}::interval) at time zone 'UTC'`;
  // Parts of the table are left out by a bound of the time alone.
  return `${least} and t.${TIME} <= ${time} and (t.${TIME}, t.${ID}) < (${time}, ${bind(id.toString())}::bigint)`;
}

/** PostgreSQL takes NaN to be greater than any number. */
function atLeast({ magnitude }: Pick<PageRequest, 'magnitude'>, bind: (value: unknown) => string): string {
  if (magnitude === undefined) return '';
  const column = `t.${quoteIdentifier(magnitude.column)}`;
  return ` and abs(${column}) >= ${bind(magnitude.least)}::float8 and ${column} <> 'NaN'`;
}

/** Microseconds as PostgreSQL reads them without rounding: `20468 days 45020.123456 seconds`. */
function intervalOf(micros: bigint): string {
  const rest = ((micros % MICROS_A_DAY) + MICROS_A_DAY) % MICROS_A_DAY;
  const fraction = (rest % 1_000_000n).toString().padStart(6, '0');
  return `${(micros - rest) / MICROS_A_DAY} days ${rest / 1_000_000n}.${fraction} seconds`;
}

function parameters(): { readonly values: unknown[]; readonly bind: (value: unknown) => string } {
  const values: unknown[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}
