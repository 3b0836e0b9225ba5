/** What makes packs wrong, and how they go: rows that came to their hours, rows that were rewritten, and age. */
import { quoteIdentifier } from '../../../shared/columns.ts';
import { CURSOR_COLUMN, type StreamDeclaration, TIME_COLUMN } from '../../../shared/streams.ts';
import type { Snapshot } from '../../feed/ports.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { type Queryable, readCells } from '../queryable.ts';
import { GONE_CHUNKS } from './chunks.ts';
import { lineNameSql } from './lines-sql.ts';
import { epochMs, HOUR_MS, instant } from './tables.ts';

/** Packs that are deleted in one transaction where all of a kind go: a matter of a second at most. */
const BATCH_PACKS = 5000;
/** How old a note of a touched line is when it is written again, at least: a busy line needs no note a second. */
const NOTE_AGE = "interval '20 seconds'";

/** What came since the position. */
export interface Fresh {
  readonly rows: number;
  /** Lines and hours of them that were examined already. */
  readonly touched: number;
  readonly dropped: number;
}

/**
 * Drops the packs of lines and hours that rows came to since the position, and notes those that are to be made again.
 *
 * @param queued hours (epoch ms) that are being examined.
 */
export async function dropTouched(
  db: Queryable,
  stream: StreamDeclaration,
  { xmax, running }: Snapshot,
  known: { readonly oldest: number; readonly newest: number },
  queued: readonly number[],
): Promise<Fresh> {
  const xid = quoteIdentifier(CURSOR_COLUMN);
  const time = quoteIdentifier(TIME_COLUMN.name);
  const series = stream.series === null ? null : quoteIdentifier(stream.series.name);
  const key = quoteIdentifier(stream.key.name);
  const select = `select ${key}::text as key_, ${lineNameSql(series === null ? null : `${series}::text`)} as line_, ${time} as at_
    from ${quoteIdentifier(stream.table)} where ${key} is not null
    and ${time} > '-infinity' and ${time} < 'infinity' and ${xid}`;
  // In two parts, as looks are: in one range from the oldest running transaction on, one that stays open for long would have
  // everything above it read each time.
  const text = `with fresh as materialized (
      select key_, line_, date_bin('1 hour', at_, 'epoch'::timestamptz) as hour_, count(*) as rows_ from (
        ${select} >= $2::xid8 and ${xid} < pg_snapshot_xmax(pg_current_snapshot())
        ${running.length === 0 ? '' : `union all ${select} = any ($6::xid8[])`}) f
      group by 1, 2, 3),
    touched as materialized (
      select key_, line_, hour_ from fresh where hour_ between ${instant('$3')} and ${instant('$4')}),
    dropped as (
      delete from ${OWN_SCHEMA}.rollups r using touched
      where r.stream = $1 and r.key = key_ and r.line = line_ and r.hour = hour_ returning 1),
    noted as (
      insert into ${OWN_SCHEMA}.rollup_touched as n (stream, key, line, hour)
      select $1, key_, line_, hour_ from touched
      where hour_ in (select hour from ${OWN_SCHEMA}.rollup_hours where stream = $1
        union all select ${instant('ms_')} from unnest($5::float8[]) as q(ms_))
      on conflict (stream, key, line, hour) do update set touched_at = now() where n.touched_at < now() - ${NOTE_AGE})
    select (select coalesce(sum(rows_), 0) from fresh)::text, (select count(*) from touched)::text,
      (select count(*) from dropped)::text`;
  const values = [stream.name, xmax.toString(), known.oldest, known.newest, queued];
  const [row] = await readCells(db, { text }, running.length === 0 ? values : [...values, running.map(String)]);
  return { rows: Number(row?.[0]), touched: Number(row?.[1]), dropped: Number(row?.[2]) };
}

/** What was rewritten: times (epoch ms, both included; infinite ones too). */
export interface Rewritten {
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
  readonly dropped: number;
}

/** Drops what is known of the hours in which rows were rewritten or went with their chunk, and the notes of that. */
export async function dropRewritten(db: Queryable, stream: StreamDeclaration): Promise<Rewritten> {
  const within = (table: string): string => `delete from ${OWN_SCHEMA}.${table} r using merged m where r.stream = $1
    and r.hour <= upper(m.range_) and r.hour > lower(m.range_) - interval '1 hour'`;
  const text = `with rewrites as (
      delete from ${OWN_SCHEMA}.rollup_rewrites where stream = $1 returning tstzrange(from_time, to_time, '[]') as range_),
    gone as (${GONE_CHUNKS} returning tstzrange(from_time, to_time, '[]') as range_),
    notes as (select range_ from rewrites union all select range_ from gone),
    merged as materialized (select unnest(range_agg(range_)) as range_ from notes),
    packs as (${within('rollups')} returning 1),
    hours as (${within('rollup_hours')}),
    touched as (${within('rollup_touched')})
    select ${epochMs('lower(range_)')}::text, ${epochMs('upper(range_)')}::text, (select count(*) from packs)::text
    from merged`;
  const rows = await readCells(db, { text }, [stream.name]);
  return {
    ranges: rows.map(([from, to]) => ({ from: Number(from), to: Number(to) })),
    dropped: Number(rows[0]?.[2] ?? 0),
  };
}

/** Drops some of what is older than the window; answers how many packs. */
export async function dropOld(db: Queryable, stream: StreamDeclaration, before: number): Promise<number> {
  const dropped = await dropSome(db, stream, `hour < ${instant('$2')}`, [before]);
  if (dropped < BATCH_PACKS) {
    for (const table of ['rollup_hours', 'rollup_touched']) {
      await db.query(`delete from ${OWN_SCHEMA}.${table} where stream = $1 and hour < ${instant('$2')}`, [
        stream.name,
        before,
      ]);
    }
  }
  return dropped;
}

/** Empties a stream's rollups, some packs at a time; answers how many packs went, and whether that was all. */
export async function dropAll(
  db: Queryable,
  stream: StreamDeclaration,
): Promise<{ readonly dropped: number; readonly empty: boolean }> {
  const dropped = await dropSome(db, stream, 'true', []);
  if (dropped === BATCH_PACKS) return { dropped, empty: false };
  for (const table of ['rollup_hours', 'rollup_touched', 'rollup_rewrites', 'rollup_chunks']) {
    await db.query(`delete from ${OWN_SCHEMA}.${table} where stream = $1`, [stream.name]);
  }
  return { dropped, empty: true };
}

async function dropSome(
  db: Queryable,
  stream: StreamDeclaration,
  condition: string,
  values: readonly number[],
): Promise<number> {
  const { rowCount } = await db.query(
    `delete from ${OWN_SCHEMA}.rollups where ctid = any (array(
       select ctid from ${OWN_SCHEMA}.rollups where stream = $1 and ${condition} order by hour limit ${BATCH_PACKS}))`,
    [stream.name, ...values],
  );
  return rowCount ?? 0;
}

/** Whether a time range touches an hour (epoch ms of its beginning). */
export function touches({ from, to }: { readonly from: number; readonly to: number }, hour: number): boolean {
  return hour <= to && hour + HOUR_MS > from;
}
