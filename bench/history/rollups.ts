/** Whether the server's rollups of the data set are there, and how large they and the indexes are. */
import type pg from 'pg';
import { LOADED } from './dataset.ts';

/** Rollups count up to here at most this long ago when they are taken for finished. */
const CALM_MS = 15_000;
const POLL_MS = 500;
/** Hours of the last seven days that ended long enough ago to be rolled up. */
const DUE_HOURS = 167;

/** Resolves when every hour of the last seven days was examined and nothing is left to be done. */
export async function untilRolledUp(client: pg.Client, deadlineMs = 3_600_000): Promise<void> {
  for (const deadline = Date.now() + deadlineMs; ; ) {
    const { rows } = await client.query<{ behind: string | null }>(
      `select string_agg(stream, ', ') as behind from unnest($1::text[]) stream
       where (select count(*) from alphapulse_dashboard.rollup_hours h
              where h.stream = stream.stream and hour >= now() - interval '169 hours') < $2
         or exists (select from alphapulse_dashboard.rollup_touched t where t.stream = stream.stream)
         or exists (select from alphapulse_dashboard.rollup_rewrites r where r.stream = stream.stream)
         or not exists (select from alphapulse_dashboard.rollup_state s
              where s.stream = stream.stream and updated_at > now() - make_interval(secs => $3))`,
      [LOADED, DUE_HOURS, CALM_MS / 1000],
    );
    const behind = rows[0]?.behind ?? null;
    if (behind === null) return;
    if (Date.now() > deadline) throw new Error(`no rollups after ${deadlineMs / 1000} s: ${behind}`);
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
export async function sizesOf(client: pg.Client): Promise<readonly Size[]> {
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
    [LOADED],
  );
  return rows.map(({ what, bytes, count }) => ({
    what,
    bytes: Number(bytes),
    count: count === null ? null : Number(count),
  }));
}
