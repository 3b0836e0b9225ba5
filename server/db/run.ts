/**
 * Which run of which database server answers. Transaction ids are only comparable within one run: after a crash they are
 * handed out again, and another server has its own.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import * as z from 'zod';
import { CodedError } from '../errors.ts';
import type { Snapshot } from '../feed/ports.ts';
import { parseSnapshot } from '../feed/position.ts';
import type { Cells, Queryable } from './queryable.ts';

const identity = z.tuple([z.object({ system: z.string(), timeline: z.string(), database: z.string() })]);

/** SQL that prints when the server was started, in microseconds since the epoch: cheap, so every look asks for it. */
const STARTED_AT = `(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text`;

/** Why a standby cannot be followed: its snapshots leave running transactions out, and it takes no LISTEN. */
export const STANDBY = {
  code: 'standby',
  reason: 'the database is a standby (pg_is_in_recovery() is true)',
  mend: 'Point DATABASE_URL or DB_HOST at the primary',
} as const;

/** Thrown where a standby answers a look. */
function standbyError(): CodedError {
  return new CodedError(STANDBY.code, STANDBY.reason, { mend: STANDBY.mend });
}

/** The columns that every look begins with: the snapshot, when the server was started, and whether it is a standby. */
export const STANDING_COLUMNS = `pg_current_snapshot()::text as snapshot, ${STARTED_AT} as started_at,
  pg_is_in_recovery()::text as in_recovery`;

/** Where a database stands. */
export interface Standing {
  readonly snapshot: Snapshot;
  readonly run: string;
}

/**
 * Reads `STANDING_COLUMNS`.
 *
 * @throws CodedError `standby` where the server is one.
 */
export async function readStanding(row: Cells | undefined, runs: Runs, db: Queryable): Promise<Standing> {
  const [snapshot, startedAt, inRecovery] = row ?? [];
  if (snapshot == null || startedAt == null) throw new Error('the database answered a look without its snapshot');
  if (inRecovery === 'true') throw standbyError();
  return { snapshot: parseSnapshot(snapshot), run: await runs.name(startedAt, db) };
}

/** What the change logs of a stream are built with. */
export interface LogOptions {
  /** Where history is read, and what was missed: apart from the looks, which must not wait for it. */
  readonly reads: pg.Pool;
  readonly runs: Runs;
  /** Whether the table is a hypertable or has partitions: there, visiting all of them costs tens of ms. */
  readonly partitioned: boolean;
  /** Counts rows that no channel can carry (F8). */
  readonly refused: (count: number) => void;
}

/** Names runs; what costs more than a glance is asked for once a run. */
export class Runs {
  readonly #names = new Map<string, string>();

  /**
   * The run's name, `<epoch>~<start>`: the epoch stays the same while the history of this database does (the server's
   * system identifier and timeline, the database's oid), the start changes with every start of the server.
   */
  async name(startedAt: string, db: Queryable): Promise<string> {
    const known = this.#names.get(startedAt);
    if (known !== undefined) return known;
    const result = await db.query(
      `select (select system_identifier::text from pg_control_system()) as system,
              substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline,
              (select oid::text from pg_database where datname = current_database()) as database`,
    );
    const [{ system, timeline, database }] = identity.parse(result.rows);
    const epoch = createHash('sha256').update(`${system}:${timeline}:${database}`).digest('hex').slice(0, 10);
    const name = `${epoch}~${BigInt(startedAt).toString(36)}`;
    this.#names.set(startedAt, name);
    return name;
  }
}
