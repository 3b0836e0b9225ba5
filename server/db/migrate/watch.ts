/** Tells, while a statement that waits without bound is at work, whom it waits for: an index can wait for hours for one open transaction. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import * as z from 'zod';
import { messageOf } from '../../errors.ts';
import type { Queryable } from '../queryable.ts';

/** How often is looked, in ms. */
const LOOK_MS = 1_000;

const holderRows = z.array(z.object({ holder: z.string() }));
const pidRow = z.object({ pid: z.number() });

/** How a session is named to people: its pid, program, state, and the age of its transaction. */
export const HOLDER_SQL = `format('pid %s (%s, %s, transaction open for %s s)', a.pid,
  coalesce(nullif(a.application_name, ''), a.usename), a.state,
  round(extract(epoch from clock_timestamp() - a.xact_start)))`;

/** What is watched, and who is told. */
export interface Watched {
  readonly client: pg.Client;
  readonly connection: pg.ClientConfig;
  readonly report: (line: string) => void;
}

/** Does `work` on the client, and reports from a second connection each time that it waits for somebody else. */
export async function watchWaits<T>(watched: Watched, title: string, work: () => Promise<T>): Promise<T> {
  const { rows } = await watched.client.query('select pg_backend_pid() as pid');
  const { pid } = pidRow.parse(rows[0]);
  const end = new AbortController();
  const watching = watch(watched, title, pid, end.signal).catch((error: unknown) => {
    // Only the telling suffers; the work itself goes on.
    watched.report(`${title}: whom it waits for cannot be told: ${messageOf(error)}`);
  });
  try {
    return await work();
  } finally {
    end.abort();
    await watching;
  }
}

async function watch({ connection, report }: Watched, title: string, pid: number, end: AbortSignal): Promise<void> {
  if (!(await passes(LOOK_MS, end))) return;
  const client = new pg.Client({ ...connection, application_name: 'alphapulse-dashboard migrate (watch)' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    let told = '';
    do {
      const pids = await blockers(client, pid);
      const holders = pids.map(({ holder }) => holder).join(', ');
      const who = pids.map(({ holder }) => holder.split(' ', 2).join(' ')).join();
      if (who !== '' && who !== told) report(`${title}: waits for ${holders}`);
      told = who;
    } while (await passes(LOOK_MS, end));
  } finally {
    await client.end();
  }
}

async function blockers(db: Queryable, pid: number): Promise<z.infer<typeof holderRows>> {
  const { rows } = await db.query(
    `select ${HOLDER_SQL} as holder from pg_stat_activity a where a.pid = any (pg_blocking_pids($1))
     union all select 'a prepared transaction' where 0 = any (pg_blocking_pids($1))
     order by holder`,
    [pid],
  );
  return holderRows.parse(rows);
}

/** True after `ms`, false where the end came first. */
async function passes(ms: number, end: AbortSignal): Promise<boolean> {
  return wait(ms, true, { signal: end }).catch(() => false);
}
