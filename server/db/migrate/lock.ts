/** Lets one migration at a time into a database. */
import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import * as z from 'zod';
import { CodedError } from '../../errors.ts';
import type { Runner } from './run.ts';

/** The advisory lock's two keys: "ALPH" in ASCII, and a one. */
const KEYS = [0x41_4c_50_48, 1] as const;
const POLL_MS = 100;

const tryRow = z.object({ got: z.boolean() });
const holderRow = z.object({ pid: z.number() });

/**
 * Does `work` while this session holds the migrations' lock. It is polled, and never waited for in the database:
 * a session that waits there has a snapshot, which CREATE INDEX CONCURRENTLY of the holder waits for in turn.
 *
 * @throws CodedError `migration_running` when another still holds it after the patience.
 */
export async function withMigrationLock<T>(runner: Runner, work: () => Promise<T>): Promise<T> {
  const { client, patienceMs, report } = runner;
  const started = performance.now();
  let told = false;
  while (!(await tryLock(client))) {
    const pid = await holder(client);
    if (performance.now() - started > patienceMs) {
      throw new CodedError('migration_running', `Another migration is at work in this database (pid ${pid ?? '?'})`, {
        value: pid,
        mend: 'Run migrate again when it has ended.',
      });
    }
    if (!told) report(`waits for another migration (pid ${pid ?? '?'})`);
    told = true;
    await wait(POLL_MS * (0.5 + Math.random()));
  }
  try {
    return await work();
  } finally {
    // The session's end frees it too, which is what happens where the connection is gone.
    await client.query('select pg_advisory_unlock($1, $2)', [...KEYS]).catch(() => undefined);
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as got', [...KEYS]);
  return tryRow.parse(rows[0]).got;
}

async function holder(client: pg.Client): Promise<number | null> {
  const { rows } = await client.query(
    `select pid from pg_locks where locktype = 'advisory' and classid = $1 and objid = $2 and objsubid = 2 and granted
       and database = (select oid from pg_database where datname = current_database())`,
    [...KEYS],
  );
  const found = holderRow.safeParse(rows[0]);
  return found.success ? found.data.pid : null;
}
