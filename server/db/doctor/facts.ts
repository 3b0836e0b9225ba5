/** Reads all that doctor judges by, of one moment as far as that goes. Changes nothing, and needs no rights beyond reading. */
import { join } from 'node:path';
import * as z from 'zod';
import { packageRoot } from '../../root.ts';
import { type Catalogue, readCatalogue } from '../catalogue.ts';
import { type Inspection, inspect } from '../inspect.ts';
import { readFacts } from '../migrate/facts.ts';
import { readSqlFiles } from '../migrate/files.ts';
import { planSteps } from '../migrate/plan.ts';
import type { Queryable } from '../queryable.ts';
import { type RetentionVerdict, readRetentionFacts, retentionVerdicts } from '../retention-rules.ts';
import { type RollupFacts, readRollupFacts } from './rollup-facts.ts';

/** Everything that was read. */
export interface DoctorFacts {
  readonly catalogue: Catalogue;
  readonly inspection: Inspection;
  /**
   * Titles of the migration steps on the dashboard's own schema that are still to be done; null where this role cannot
   * tell. What the tables lack is in `inspection`.
   */
  readonly pendingSteps: readonly string[] | null;
  readonly server: ServerState;
  readonly rollups: RollupFacts;
  readonly retention: {
    /** Null where it is off. */
    readonly days: number | null;
    readonly verdicts: readonly RetentionVerdict[];
  };
}

/** What the server says of itself. */
export interface ServerState {
  /** As PostgreSQL writes it: `15.18 (Debian ...)`. */
  readonly version: string;
  /** The database's clock minus this machine's, in ms, good to the time that the question took. */
  readonly clockSkewMs: number;
  /** How full the queue of notifications is, as a fraction. */
  readonly notificationQueue: number;
  /** Prepared transactions of this database that are open for longer than a commit takes. */
  readonly preparedTransactions: readonly string[];
  /** What the database takes on disk; null where this role may not know. */
  readonly databaseBytes: number | null;
}

/** A prepared transaction that is older was forgotten: its coordinator commits it within a moment. */
export const PREPARED_SECONDS = 10;

const serverRow = z.object({
  version: z.string(),
  now: z.number(),
  queue: z.number(),
  prepared: z.array(z.string()),
  bytes: z.number().nullable(),
});

/**
 * Reads the facts.
 *
 * @param retentionDays what retention is set to, null for off.
 * @throws what the database throws.
 */
export async function readDoctorFacts(db: Queryable, retentionDays: number | null): Promise<DoctorFacts> {
  // Catalogue queries are short, whatever the planner thinks of their cost: compiling them takes longer than they do.
  await db.query('set jit = off');
  const server = await readServerState(db);
  const catalogue = await readCatalogue(db);
  const inspection = await inspect(db);
  return {
    catalogue,
    inspection,
    server,
    pendingSteps: inspection.server.inRecovery ? [] : await readPendingSteps(db),
    rollups: await readRollupFacts(db, catalogue),
    retention: {
      days: retentionDays,
      verdicts: retentionDays === null ? [] : retentionVerdicts(catalogue, await readRetentionFacts(db), retentionDays),
    },
  };
}

async function readServerState(db: Queryable): Promise<ServerState> {
  const asked = Date.now();
  const { rows } = await db.query(
    `select current_setting('server_version') as version, (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
       pg_notification_queue_usage() as queue,
       array(select gid from pg_prepared_xacts
         where database = current_database() and prepared < now() - interval '${PREPARED_SECONDS} seconds' order by prepared) as prepared,
       case when has_database_privilege(current_database(), 'connect') then pg_database_size(current_database())::float8 end as bytes`,
  );
  const answered = Date.now();
  const { version, now, queue, prepared, bytes } = serverRow.parse(rows[0]);
  // The moment of the answer lies somewhere between; what is within that is no skew.
  const skew = now < asked ? now - asked : Math.max(0, now - answered);
  return {
    version,
    clockSkewMs: skew,
    notificationQueue: queue,
    preparedTransactions: prepared,
    databaseBytes: bytes,
  };
}

async function readPendingSteps(db: Queryable): Promise<readonly string[] | null> {
  const facts = await readFacts(db);
  // Who may not read the log of the migrations would take all of them to be missing.
  if (facts.own.owner !== null && !facts.own.owned) return null;
  const files = readSqlFiles(join(packageRoot(), 'sql'));
  const steps = planSteps(files, facts, { leave: new Set(), doorbell: true });
  return steps.filter(({ stream, batches }) => stream === null && batches.length > 0).map(({ title }) => title);
}
