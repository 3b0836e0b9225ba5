/**
 * Which run of which database server answers. Transaction ids are only comparable within one run: after a crash they are
 * handed out again, and another server has its own.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CodedError } from '../errors.ts';
import type { Queryable } from './queryable.ts';

const identity = z.tuple([z.object({ system: z.string(), timeline: z.string() })]);

/** SQL that prints when the server was started, in microseconds since the epoch: cheap, so every look asks for it. */
export const STARTED_AT = `(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text`;

/** Why a standby cannot be followed: its snapshots leave running transactions out, and it takes no LISTEN. */
export const STANDBY = {
  code: 'standby',
  reason: 'the database is a standby (pg_is_in_recovery() is true)',
  mend: 'Point DATABASE_URL or DB_HOST at the primary',
} as const;

/** Thrown where a standby answers a look. */
export function standbyError(): CodedError {
  return new CodedError(STANDBY.code, STANDBY.reason, { mend: STANDBY.mend });
}

/** Names runs; what costs more than a glance is asked for once a run. */
export class Runs {
  readonly #names = new Map<string, string>();

  /**
   * The run's name, `<epoch>~<start>`: the epoch stays the same while the server's history does (system identifier and
   * timeline), the start changes with every start of the server.
   */
  async name(startedAt: string, db: Queryable): Promise<string> {
    const known = this.#names.get(startedAt);
    if (known !== undefined) return known;
    const result = await db.query(
      `select (select system_identifier::text from pg_control_system()) as system,
              substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline`,
    );
    const [{ system, timeline }] = identity.parse(result.rows);
    const epoch = createHash('sha256').update(`${system}:${timeline}`).digest('hex').slice(0, 10);
    const name = `${epoch}~${BigInt(startedAt).toString(36)}`;
    this.#names.set(startedAt, name);
    return name;
  }
}
