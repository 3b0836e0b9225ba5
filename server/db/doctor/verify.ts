/**
 * Holds the rollups against the rows: every pack must be what the rows give that were visible at the rollups' position. All
 * of it is read in one snapshot, hour by hour, so that neither side's memory grows with the table.
 */
import { STREAMS, type StreamDeclaration, type StreamName } from '../../../shared/streams.ts';
import { type Bound, readBinary } from '../binary-rows.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { type PackedRows, unpack } from '../history/pack.ts';
import { type Queryable, readCells } from '../queryable.ts';
import type { LinePart } from '../rollup/lines-sql.ts';
import { readRollupStanding } from '../rollup/standing.ts';
import { ROLLED_STREAMS, WINDOW_MS } from '../rollup/tables.ts';
import { verifyQueries } from './verify-sql.ts';

/** Where a pack is. */
export interface PackPlace {
  readonly stream: StreamName;
  readonly key: string;
  /** As in the table: empty for rows without a series, else a colon and the series. */
  readonly line: string;
  /** Epoch ms of its beginning. */
  readonly hour: number;
  /** Seconds of a bucket; 0 where every row is kept. */
  readonly width: number;
}

/** A pack that is not what the rows give. */
export interface PackDifference extends PackPlace {
  /** Rows that the pack was made of, and that there are. With none, they are gone. */
  readonly rowsPacked: number;
  readonly rowsThere: number;
  /** Epoch ms of the first row that is in only one of the two, or that has other values; null where none was looked up. */
  readonly firstAt: number | null;
}

/** What was found of one stream. */
export interface StreamVerification {
  readonly stream: StreamName;
  readonly packs: number;
  /** Packs that differ because rows of their hours were rewritten or dropped since, which is noted: nobody reads them. */
  readonly noted: number;
  readonly differences: readonly PackDifference[];
}

export interface VerifyOptions {
  readonly streams: readonly StreamName[];
  /** Differences of which it is looked up where they begin. */
  readonly named: number;
  readonly progress: (stream: StreamName, packs: number, packsInAll: number) => void;
}

/** Rows that one statement reads, about a second's work. */
const ROWS_AT_ONCE = 200_000;
const MOST_PACKS_AT_ONCE = 500;

/** Compares all packs of the streams that can be trusted; a stream whose rollups are void, or not begun, is left out. */
export async function verifyRollups(db: Queryable, options: VerifyOptions): Promise<readonly StreamVerification[]> {
  await db.query(
    'begin isolation level repeatable read read only; set local statement_timeout = 0; set local jit = off',
  );
  try {
    const found: StreamVerification[] = [];
    for (const { name } of ROLLED_STREAMS) {
      if (!options.streams.includes(name)) continue;
      const named = found.reduce((left, { differences }) => left - differences.length, options.named);
      const verification = await verifyStream(db, name, { ...options, named });
      if (verification !== null) found.push(verification);
    }
    return found;
  } finally {
    // Where the connection is gone the transaction is too, and the first error says more.
    await db.query('rollback').catch(() => undefined);
  }
}

async function verifyStream(
  db: Queryable,
  name: StreamName,
  options: VerifyOptions,
): Promise<StreamVerification | null> {
  const stream = STREAMS[name];
  const { position } = await readRollupStanding(db, stream, WINDOW_MS);
  if (position === null) return null;
  const queries = verifyQueries(stream);
  const snapshot = `${position.xmin}:${position.xmax}:${position.running.join()}`;
  const groups = (await readCells(db, { text: queries.hours }, [name])).map((cells) => cells.map(Number));
  const packsInAll = groups.reduce((sum, [, , count = 0]) => sum + count, 0);
  const parts: readonly LinePart[] = stream.series === null ? ['key'] : ['named', 'nameless'];
  const differences: PackDifference[] = [];
  let packs = 0;
  let noted = 0;
  for (const [hour = 0, width = 0, packsHere = 0, rowsHere = 0] of groups) {
    const atOnce = Math.ceil(Math.min(MOST_PACKS_AT_ONCE, (ROWS_AT_ONCE * packsHere) / Math.max(1, rowsHere)));
    for (const part of parts) {
      let after: readonly [string | null, string | null] = [null, null];
      for (;;) {
        const bound = [hour, snapshot, String(position.xmin)];
        const rows = await readCells(db, { text: queries.differing(part, width) }, [...bound, ...after, atOnce]);
        const [, , , , , read, lastKey = null, lastLine = null] = rows[0] ?? [];
        packs += Number(read ?? 0);
        for (const [key, line, rowsPacked, rowsThere, isNoted] of rows) {
          if (key == null || line == null) continue;
          if (isNoted === 'true') {
            noted += 1;
            continue;
          }
          const firstAt =
            differences.length < options.named
              ? await firstDifference(db, stream, queries.both(part, width), [...bound, key, line])
              : null;
          const counts = { rowsPacked: Number(rowsPacked), rowsThere: Number(rowsThere) };
          differences.push({ stream: name, key, line, hour, width, ...counts, firstAt });
        }
        if (Number(read) < atOnce) break;
        after = [lastKey, lastLine];
      }
    }
    options.progress(name, packs, packsInAll);
  }
  return { stream: name, packs, noted, differences };
}

async function firstDifference(
  db: Queryable,
  stream: StreamDeclaration,
  text: string,
  values: readonly Bound[],
): Promise<number | null> {
  const [cells = []] = await readBinary(db, text, values);
  const [a, b] = cells.map((pack) => (pack === null ? null : unpack(stream, [pack])));
  return a == null || b == null ? null : firstDifferingTime(a, b);
}

/** Epoch ms of the first row in which two packs differ; null where they keep the same rows. */
export function firstDifferingTime(a: PackedRows, b: PackedRows): number | null {
  const rows = Math.max(a.times.length, b.times.length);
  for (let at = 0; at < rows; at += 1) {
    const same =
      a.times[at] === b.times[at] &&
      a.ids[at] === b.ids[at] &&
      a.values.every((column, place) => column.json(at) === b.values[place]?.json(at));
    if (!same) return Math.min(a.times[at] ?? Number.POSITIVE_INFINITY, b.times[at] ?? Number.POSITIVE_INFINITY);
  }
  return null;
}

/**
 * Deletes the packs of these lines and hours, of every width, and notes that they are to be made again. A pack that is
 * missing is never wrong, so this is right whatever else happens at the same time. Answers how many packs went.
 */
export async function dropPacks(db: Queryable, places: readonly PackPlace[]): Promise<number> {
  let dropped = 0;
  for (const { name } of ROLLED_STREAMS) {
    const own = places.filter(({ stream }) => stream === name);
    if (own.length === 0) continue;
    const rows = await readCells(
      db,
      {
        text: `with wrong as (
            select distinct key, line, to_timestamp(ms / 1000) as hour
            from unnest($2::text[], $3::text[], $4::float8[]) as w(key, line, ms)),
          dropped as (
            delete from ${OWN_SCHEMA}.rollups r using wrong w
            where r.stream = $1 and r.key = w.key and r.line = w.line and r.hour = w.hour returning 1),
          noted as (
            insert into ${OWN_SCHEMA}.rollup_touched (stream, key, line, hour) select $1, key, line, hour from wrong
            on conflict do nothing)
          select count(*)::text from dropped`,
      },
      [name, own.map(({ key }) => key), own.map(({ line }) => line), own.map(({ hour }) => hour)],
    );
    dropped += Number(rows[0]?.[0]);
  }
  return dropped;
}
