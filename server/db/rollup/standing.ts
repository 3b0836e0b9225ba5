/** Where the rollups of one stream stand, read in the snapshot of the transaction that is to change them. */
import type { StreamDeclaration } from '../../../shared/streams.ts';
import type { Snapshot } from '../../feed/ports.ts';
import { parseSnapshot } from '../../feed/position.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { PACK_FORMAT } from '../history/pack.ts';
import { DOUBTS_VIEW } from '../migrate/facts.ts';
import { type Queryable, readCells } from '../queryable.ts';
import { noteChunks } from './chunks.ts';
import { DATABASE_SQL, epochMs, HOUR_MS, instant, sourceSql } from './tables.ts';

/** Where a stream's rollups stand. Times are epoch ms by the database's clock, hours those of their beginning. */
export interface RollupStanding {
  readonly now: number;
  /** The snapshot of this transaction, as PostgreSQL prints it. */
  readonly snapshot: string;
  /** What rollups are read from now; null where the table cannot have any. */
  readonly source: string | null;
  readonly database: string;
  /** The position up to which packs count rows; null where there is none, or none that holds. */
  readonly position: Snapshot | null;
  /** Whether there is a position that does not hold. */
  readonly void: boolean;
  /** The oldest and the newest hour that anything is known of, null where nothing is. */
  readonly known: { readonly oldest: number; readonly newest: number } | null;
  /** Hours that were examined, from the beginning of the window on. */
  readonly examined: number;
  /** Whether rows were rewritten, or dropped with their chunk. */
  readonly rewritten: boolean;
}

/** Reads where a stream's rollups stand; of the hours that were examined it counts those of the last `windowMs`. */
export async function readRollupStanding(
  db: Queryable,
  stream: StreamDeclaration,
  windowMs: number,
): Promise<RollupStanding> {
  const of = (table: string): string => `from ${OWN_SCHEMA}.${table} where stream = $1`;
  const text = `select ${epochMs('now()')}::text, pg_current_snapshot()::text, ${sourceSql(stream)}, ${DATABASE_SQL},
      s.position, s.source, s.database, s.format::text,
      ${epochMs(`least((select min(hour) ${of('rollup_hours')}), (select min(hour) ${of('rollups')}))`)}::text,
      ${epochMs(`greatest((select max(hour) ${of('rollup_hours')}), (select max(hour) ${of('rollups')}))`)}::text,
      (select count(*) ${of('rollup_hours')} and hour >= now() - ${windowMs} * interval '1 ms')::text,
      exists (select ${of(DOUBTS_VIEW)})::text
    from (select 1) one left join ${OWN_SCHEMA}.rollup_state s on s.stream = $1`;
  const [row] = await readCells(db, { text }, [stream.name]);
  if (row === undefined) throw new Error('the database answered nothing');
  const [
    now,
    snapshot,
    source,
    database,
    position,
    ownSource,
    ownDatabase,
    format,
    oldest,
    newest,
    examined,
    rewritten,
  ] = row;
  if (snapshot == null || database == null) throw new Error('the database answered without its snapshot');
  const holds =
    position != null &&
    source != null &&
    ownSource === source &&
    ownDatabase === database &&
    Number(format) === PACK_FORMAT;
  return {
    now: Number(now),
    snapshot,
    source: source ?? null,
    database,
    position: holds ? parseSnapshot(position) : null,
    void: position != null && !holds,
    known: oldest == null || newest == null ? null : { oldest: Number(oldest), newest: Number(newest) },
    examined: Number(examined),
    rewritten: rewritten === 'true',
  };
}

/** Hours of a window, as epoch ms of their beginning: from the first that begins in it to the last that is settled. */
export function hoursDue(
  now: number,
  windowMs: number,
  settledMs: number,
): { readonly from: number; readonly to: number } {
  return {
    from: Math.ceil((now - windowMs) / HOUR_MS) * HOUR_MS,
    to: Math.floor((now - settledMs) / HOUR_MS) * HOUR_MS - HOUR_MS,
  };
}

/** How many hours that is. */
export function hoursInAll({ from, to }: ReturnType<typeof hoursDue>): number {
  return Math.max(0, Math.round((to - from) / HOUR_MS) + 1);
}

/** The hours that were not examined yet, newest first. */
export async function hoursMissing(
  db: Queryable,
  stream: StreamDeclaration,
  { from, to }: ReturnType<typeof hoursDue>,
): Promise<readonly number[]> {
  const text = `select ${epochMs('h')}::text from generate_series(${instant('$2')}, ${instant('$3')}, interval '1 hour') h
    where not exists (select from ${OWN_SCHEMA}.rollup_hours r where r.stream = $1 and r.hour = h) order by h desc`;
  const rows = await readCells(db, { text }, [stream.name, from, to]);
  return rows.map(([hour]) => Number(hour));
}

/** Stores the snapshot of this transaction as the position of a stream's rollups, and the chunks that are in it. */
export async function storePosition(
  db: Queryable,
  stream: StreamDeclaration,
  { snapshot, source, database }: RollupStanding,
): Promise<void> {
  await db.query(
    `insert into ${OWN_SCHEMA}.rollup_state (stream, format, database, source, position) values ($1, $2, $3, $4, $5)
     on conflict (stream) do update set format = excluded.format, database = excluded.database,
       source = excluded.source, position = excluded.position, updated_at = now()`,
    [stream.name, PACK_FORMAT, database, source, snapshot],
  );
  await noteChunks(db, stream);
}
