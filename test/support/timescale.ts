/** TimescaleDB where the server of the tests has it: whether it does, and the field's tables as hypertables. */
import pg from 'pg';
import { inject } from 'vitest';
import type { Queryable } from '../../server/db/queryable.ts';
import type {} from './global-setup.ts';

/**
 * Whether migrations of this run make hypertables (see postgres.ts). For `it.skipIf`: what is true of plain tables alone is
 * told as skipped, by name, where they are none.
 */
export const HYPERTABLES = (process.env.TEST_HYPERTABLES ?? '') !== '';

/** An infinite time that a table can hold: TimescaleDB has no chunk for the one before all others. */
export const BEFORE_ALL = HYPERTABLES ? 'infinity' : '-infinity';

/** For `describe.skipIf`: the cases are told as skipped, by name, on a server without TimescaleDB. */
export async function hasTimescale(): Promise<boolean> {
  const client = new pg.Client(inject('postgresUrl'));
  await client.connect();
  try {
    const { rowCount } = await client.query(`select 1 from pg_available_extensions where name = 'timescaledb'`);
    return rowCount === 1;
  } finally {
    await client.end();
  }
}

/** Makes tables hypertables with one-hour chunks, as the pipeline does; rows that are there move to chunks. */
export async function makeHypertables(client: pg.Client, tables: readonly string[]): Promise<void> {
  await client.query('create extension if not exists timescaledb');
  for (const table of tables) {
    await client.query(
      `select create_hypertable($1::regclass, 'timestamp', chunk_time_interval => interval '1 hour',
         create_default_indexes => false, migrate_data => true)`,
      [table],
    );
  }
}

/**
 * Makes the one-hour chunks of a time (epoch ms) where tables are hypertables. Whoever makes one in a transaction that stays
 * open has everybody wait who needs another; tests whose transactions take turns would never go on.
 */
export async function makeChunks(db: Queryable, table: string, from: number, to: number): Promise<void> {
  if (!HYPERTABLES) return;
  // Databases that a test fills by itself are without the extension, or have plain tables beside it.
  const { rowCount } = await db.query(`select from pg_extension where extname = 'timescaledb'`);
  if (rowCount === 0) return;
  await db.query(
    `select _timescaledb_functions.create_chunk($1::text::regclass,
       jsonb_build_object('timestamp', jsonb_build_array(hour * 3600000000, (hour + 1) * 3600000000)))
     from generate_series($2::bigint, $3::bigint) hour
     where exists (select from timescaledb_information.hypertables where hypertable_name = $1::text)`,
    [table, Math.floor(from / 3_600_000), Math.floor(to / 3_600_000)],
  );
}

/** Lets a hypertable be compressed by `segmentBy`, and compresses the chunks that are older than `age`. */
export async function compressOld(
  client: pg.Client,
  table: string,
  segmentBy: string,
  age = '12 hours',
): Promise<number> {
  await client.query(
    `alter table ${pg.escapeIdentifier(table)} set (timescaledb.compress,
       timescaledb.compress_segmentby = ${pg.escapeLiteral(segmentBy)}, timescaledb.compress_orderby = '"timestamp" desc')`,
  );
  const { rowCount } = await client.query(
    `select compress_chunk(c) from show_chunks($1::regclass, older_than => $2::interval) c`,
    [table, age],
  );
  return rowCount ?? 0;
}

/**
 * Drops the chunks that are older than an interval. TimescaleDB locks a compressed chunk before the chunk it belongs to, and
 * whoever reads does so the other way round: of the two in a deadlock PostgreSQL ends one, and it may be this one.
 */
export async function dropChunks(client: pg.Client, table: string, olderThan: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query('select drop_chunks($1::regclass, older_than => $2::interval)', [table, olderThan]);
      return;
    } catch (error) {
      if (attempt === 20 || !(error instanceof pg.DatabaseError) || error.code !== '40P01') throw error;
    }
  }
}
