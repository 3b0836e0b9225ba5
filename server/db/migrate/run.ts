/** Does a step beside running writers: locks are asked for briefly, let go, and asked for again. */
import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import * as z from 'zod';
import { STREAMS } from '../../../shared/streams.ts';
import { CodedError, messageOf } from '../../errors.ts';
import { errorCode, isDatabaseAway, type Queryable } from '../queryable.ts';
import type { Batch, Step } from './steps.ts';
import { HOLDER_SQL, watchWaits } from './watch.ts';

/** What a step is run with. */
export interface Runner {
  readonly client: pg.Client;
  /** For a second connection, by which long waits are told. */
  readonly connection: pg.ClientConfig;
  /** Ms for which a step that finds its table locked is tried again. */
  readonly patienceMs: number;
  readonly report: (line: string) => void;
}

/** Lock not available in time, and chosen as a deadlock's victim: both pass when others have ended. */
const PASSING = new Set(['55P03', '40P01']);
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Runs a step; where another holds its lock, plans it anew (the failed attempt may have left something) and tries again
 * with growing pauses. Answers whether anything had to be done.
 *
 * @throws CodedError `table_locked` when it could not be had within the patience, naming who holds it.
 */
export async function runStep(runner: Runner, plan: () => Promise<Step | undefined>): Promise<boolean> {
  const started = performance.now();
  let pause = FIRST_PAUSE_MS;
  let told = false;
  for (;;) {
    const step = await plan();
    if (step === undefined || step.batches.length === 0) return false;
    try {
      for (const batch of step.batches) await runBatch(runner, step.title, batch);
      runner.report(step.title);
      return true;
    } catch (error) {
      if (!PASSING.has(errorCode(error) ?? '')) throw explain(error, step);
      const holders = await holdersOf(runner.client, step);
      if (performance.now() - started > runner.patienceMs) throw locked(step, holders, runner.patienceMs, error);
      if (!told) runner.report(`${step.title}: waits for ${holders || 'a lock'}`);
      told = true;
      // Half of it by chance, so that two programs that retry do not keep meeting.
      await wait(pause * (0.5 + Math.random() / 2));
      pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
    }
  }
}

async function runBatch(runner: Runner, title: string, batch: Batch): Promise<void> {
  const { client } = runner;
  switch (batch.mode) {
    case 'transaction':
      await client.query('begin');
      try {
        await client.query(`set local lock_timeout = ${batch.lockTimeoutMs}`);
        await client.query(batch.sql);
        await client.query('commit');
      } catch (error) {
        // Where the connection is gone the transaction is too, and the first error says more.
        await client.query('rollback').catch(() => undefined);
        throw error;
      }
      return;
    case 'alone':
      await withLockTimeout(client, batch.lockTimeoutMs, () =>
        watchWaits(runner, title, () => client.query(batch.sql)),
      );
      return;
    case 'until none':
      await withLockTimeout(client, batch.lockTimeoutMs, async () => {
        for (;;) {
          const { rowCount } = await client.query(batch.sql);
          if (rowCount === 0) return;
        }
      });
  }
}

async function withLockTimeout(client: pg.Client, ms: number, work: () => Promise<unknown>): Promise<void> {
  await client.query(`set lock_timeout = ${ms}`);
  try {
    await work();
  } finally {
    await client.query('set lock_timeout = 0').catch(() => undefined);
  }
}

const holderRows = z.array(z.object({ holder: z.string() }));

/** Who holds locks on a step's table or its parts, for people to read; empty where nobody does any more. */
async function holdersOf(db: Queryable, step: Step): Promise<string> {
  if (step.stream === null) return '';
  const { rows } = await db.query(
    `with recursive part(oid) as (
       select to_regclass(quote_ident($1))::oid
       union all select i.inhrelid from pg_inherits i join part on part.oid = i.inhparent)
     select distinct case when l.pid is null then 'a prepared transaction' else ${HOLDER_SQL} end as holder
     from pg_locks l left join pg_stat_activity a on a.pid = l.pid
     where l.relation in (select oid from part) and l.granted and l.pid is distinct from pg_backend_pid()
       and l.database = (select oid from pg_database where datname = current_database())`,
    [STREAMS[step.stream].table],
  );
  return holderRows
    .parse(rows)
    .map(({ holder }) => holder)
    .join(', ');
}

function locked(step: Step, holders: string, patienceMs: number, cause: unknown): CodedError {
  return new CodedError(
    'table_locked',
    `${step.title}: the lock could not be had within ${Math.round(patienceMs / 1000)} s, held by ${holders || 'others'}`,
    {
      value: step.name,
      mend: 'End those transactions (select pg_terminate_backend(pid)) or let them end, and run migrate again; it goes on where it stopped.',
      cause,
    },
  );
}

/** PostgreSQL's refusal of a step, with what is known to mend it. */
function explain(error: unknown, step: Step): unknown {
  const code = errorCode(error);
  if (code === '42501') {
    return new CodedError('insufficient_privilege', `${step.title}: ${messageOf(error)}`, {
      value: step.name,
      mend: 'Run migrate as the owner of the table, with the right to make objects in its schema.',
      cause: error,
    });
  }
  if (isDatabaseAway(error)) {
    return new CodedError('database_unreachable', `${step.title}: the connection was lost: ${messageOf(error)}`, {
      value: step.name,
      mend: 'Run migrate again when the server is back; it goes on where it stopped.',
      cause: error,
    });
  }
  return new CodedError('migration_failed', `${step.title}: ${messageOf(error)}`, {
    value: step.name,
    mend: 'Nothing of this step was kept that a further run does not mend; see --dry-run for its SQL.',
    cause: error,
  });
}
