/** How far the rollups of each stream are, for people to read. */
import * as z from 'zod';
import type { StreamName } from '../../../shared/streams.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import type { Queryable } from '../queryable.ts';
import { ROLLUP_LOCK } from './maintainer.ts';
import { hoursDue, hoursInAll } from './standing.ts';
import { epochMs, ROLLED_STREAMS, SETTLED_MS, sourceSql, WINDOW_MS } from './tables.ts';

/** The rollups of one stream. */
export interface RollupProgress {
  readonly stream: StreamName;
  /** Whether the table has what rollups need: the cursor column and the triggers that tell of rewritten rows. */
  readonly fit: boolean;
  /** Hours of the last eight days that were examined, and how many there are to be. */
  readonly hoursDone: number;
  readonly hoursAll: number;
  readonly packs: number;
  /** Lines and hours whose packs are to be made again. */
  readonly touched: number;
  /** Notes of rewritten rows that were not worked off yet. */
  readonly rewrites: number;
  /** Ms since the position was stored, null where there is none. It is stored only where rows came or packs were made. */
  readonly positionAgeMs: number | null;
}

const progressRow = z.object({
  now: z.number(),
  fit: z.boolean(),
  done: z.coerce.number(),
  packs: z.coerce.number(),
  touched: z.coerce.number(),
  rewrites: z.coerce.number(),
  age: z.number().nullable(),
});

/** Reads the progress of every stream that has rollups. Needs the tables of the rollups and the right to read them. */
export async function rollupProgress(db: Queryable): Promise<readonly RollupProgress[]> {
  const progress: RollupProgress[] = [];
  for (const stream of ROLLED_STREAMS) {
    const of = (table: string): string => `(select count(*) from ${OWN_SCHEMA}.${table} where stream = $1`;
    const { rows } = await db.query(
      `select ${epochMs('now()')} as now, ${sourceSql(stream)} is not null as fit,
         ${of('rollup_hours')} and hour >= now() - ${WINDOW_MS} * interval '1 ms') as done,
         ${of('rollups')}) as packs, ${of('rollup_touched')}) as touched, ${of('rollup_rewrites')}) as rewrites,
         (select ${epochMs('now()')} - ${epochMs('updated_at')} from ${OWN_SCHEMA}.rollup_state where stream = $1) as age`,
      [stream.name],
    );
    const row = progressRow.parse(rows[0]);
    progress.push({
      stream: stream.name,
      fit: row.fit,
      hoursDone: row.done,
      hoursAll: hoursInAll(hoursDue(row.now, WINDOW_MS, SETTLED_MS)),
      packs: row.packs,
      touched: row.touched,
      rewrites: row.rewrites,
      positionAgeMs: row.age,
    });
  }
  return progress;
}

/** The process id of the session that keeps the rollups now; null where none does. */
export async function rollupMaintainerPid(db: Queryable): Promise<number | null> {
  const { rows } = await db.query(
    `select pid from pg_locks where locktype = 'advisory' and classid = $1 and objid = $2 and objsubid = 2 and granted
       and database = (select oid from pg_database where datname = current_database())`,
    [...ROLLUP_LOCK],
  );
  const row = z.object({ pid: z.number() }).safeParse(rows[0]);
  return row.success ? row.data.pid : null;
}
