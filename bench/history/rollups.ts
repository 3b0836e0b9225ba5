/** Whether the server's rollups of the data set are there, and how large they and the indexes are. */
import type pg from 'pg';
import { rollupProgress } from '../../server/db/rollup/progress.ts';
import type { StreamName } from '../../shared/streams.ts';

const POLL_MS = 500;

/** Resolves when every hour that is due was examined and nothing is left to be done. Throws where that takes an hour. */
export async function untilRolledUp(
  client: pg.Client,
  streams: readonly StreamName[],
  deadlineMs = 3_600_000,
): Promise<void> {
  for (const deadline = Date.now() + deadlineMs; ; ) {
    const behind = (await rollupProgress(client)).filter(
      ({ stream, fit, hoursDone, hoursAll, touched, rewrites, positionAgeMs }) =>
        streams.includes(stream) &&
        (!fit || hoursDone < hoursAll || touched > 0 || rewrites > 0 || positionAgeMs === null),
    );
    if (behind.length === 0) return;
    if (Date.now() > deadline) throw new Error(`no rollups after ${deadlineMs / 1000} s: ${JSON.stringify(behind)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Bytes of a thing, as a report shows it. */
export interface Size {
  readonly what: string;
  readonly bytes: number;
  /** Packs or rows, where they were counted. */
  readonly count: number | null;
}

/** Sizes of the streams' tables, of the dashboard's indexes on them, and of the rollups. */
export async function sizesOf(client: pg.Client, streams: readonly StreamName[]): Promise<readonly Size[]> {
  const { rows } = await client.query<{ what: string; bytes: string; count: string | null }>(
    `select 'table ' || relname as what, pg_table_size(oid) as bytes, reltuples::bigint as count
     from pg_class where relname = any($1) and relkind = 'r'
     union all
     select 'index ' || c.relname, pg_relation_size(c.oid), null
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
     where t.relname = any($1) and c.relname like 'dashboard%'
     union all
     select 'rollups', pg_total_relation_size('alphapulse_dashboard.rollups'),
       (select count(*) from alphapulse_dashboard.rollups)
     order by 1`,
    [streams],
  );
  return rows.map(({ what, bytes, count }) => ({
    what,
    bytes: Number(bytes),
    count: count === null ? null : Number(count),
  }));
}
