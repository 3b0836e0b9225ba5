/** Which symbols and keys the database holds, and when a stream's newest row arrived: found by skip scans, never by reading rows. */
import { quoteIdentifier } from '../../shared/columns.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { CURSOR_COLUMN, STREAM_LIST, TIME_COLUMN } from '../../shared/streams.ts';
import { historyQueries } from './history-sql.ts';
import type { Queryable } from './queryable.ts';
import { readCell, readColumn } from './queryable.ts';

/** The streams whose key is a symbol. */
export const SYMBOL_STREAMS: readonly StreamDeclaration[] = STREAM_LIST.filter(
  (stream) => stream.key.name === 'symbol',
);

/** `[t]` where a table has parts: partitions, or a hypertable's chunks. `$1` is its quoted name. */
const HAS_PARTS = 'select true::text from pg_inherits where inhparent = to_regclass($1) limit 1';

/** Every key of one stream, in order of code units. */
export async function listKeys(db: Queryable, stream: StreamDeclaration): Promise<readonly string[]> {
  const table = quoteIdentifier(stream.table);
  const key = quoteIdentifier(stream.key.name);
  // A skip scan asks every part for every key, 1,000 keys of 170 chunks in 8 s; TimescaleDB has one of its own for DISTINCT.
  const parted = (await readCell(db, { text: HAS_PARTS }, [table])) !== null;
  const text = parted ? `select distinct ${key} from ${table}` : historyQueries(stream).keys;
  return [...(await readColumn(db, { text }))].sort();
}

/**
 * When the row that came last to a stream was written, in epoch ms and not after now; null where there is none. It is the
 * newest `created_at` among the newest rows of every line, so that a row dated in the future hides none that came after.
 */
export async function newestArrival(
  db: Queryable,
  stream: StreamDeclaration,
  now: number = Date.now(),
): Promise<number | null> {
  const arrived = await readCell(db, { text: historyQueries(stream).newestArrival }, [now]);
  return arrived === null ? null : Math.min(Number(arrived), now);
}

/**
 * The same of a table in partitions or chunks, where visiting all of them for every line takes seconds: of the rows since
 * `recent` (epoch ms) the newest one, and the one that was written last where a cursor tells; else the newest row of all.
 *
 * @param cursor whether the table has the cursor column.
 */
export async function newestArrivalOfParts(
  db: Queryable,
  stream: StreamDeclaration,
  { cursor, recent, now = Date.now() }: { readonly cursor: boolean; readonly recent: number; readonly now?: number },
): Promise<number | null> {
  const time = quoteIdentifier(TIME_COLUMN.name);
  const newest = (since: string, order: string): string =>
    `(select created_at from ${quoteIdentifier(stream.table)} where ${since} and ${time} < 'infinity' order by ${order} desc limit 1)`;
  const arrival = async (parts: readonly string[], values: readonly number[]): Promise<number | null> => {
    // Rows are dated by writers' clocks: a time of writing that is yet to come is not believed.
    const text = `select (extract(epoch from max(created_at)) * 1000)::text from (${parts.join(' union all ')}) newest
      where created_at > '-infinity' and created_at <= to_timestamp($1::float8 / 1000) + interval '1 minute'`;
    const arrived = await readCell(db, { text }, [now, ...values]);
    return arrived === null ? null : Math.min(Number(arrived), now);
  };
  const lately = `${time} >= to_timestamp($2::float8 / 1000)`;
  const parts = [newest(lately, time)];
  if (cursor) parts.push(newest(`${lately} and ${CURSOR_COLUMN} is not null`, CURSOR_COLUMN));
  return (await arrival(parts, [recent])) ?? (await arrival([newest(`${time} > '-infinity'`, time)], []));
}
