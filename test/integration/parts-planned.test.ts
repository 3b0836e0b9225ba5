/**
 * Looks at a table in parts while a part comes to it, or a compressed one becomes a mixed one: a plan names the parts that were
 * there when it was made, and what is committed between a plan and its snapshot must be met all the same.
 */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SnapshotLog } from '../../server/db/changes.ts';
import { migrate } from '../../server/db/migrate.ts';
import { isUnanswered } from '../../server/db/queryable.ts';
import { Runs } from '../../server/db/run.ts';
import type { Position } from '../../server/feed/ports.ts';
import { STREAMS } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { compressOld, hasTimescale, makeHypertables } from '../support/timescale.ts';

const METRICS = STREAMS.system_metrics;
const COLUMNS = `(id serial, "timestamp" timestamptz not null, metric_name varchar(100) not null,
  metric_value double precision not null, metric_unit varchar(20), metadata jsonb,
  created_at timestamptz default now(), primary key (id, "timestamp"))`;

let database: TestDatabase;
let client: pg.Client;
let pool: pg.Pool;

beforeEach(async () => {
  database = await freshDatabase();
  client = await database.connect();
  pool = new pg.Pool({ ...database.config, max: 1 });
});
afterEach(async () => {
  await pool?.end();
  await database?.drop();
});

async function insert(values: readonly number[], time: string): Promise<void> {
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value) select ${time}, 'm', v from unnest($1::int[]) v`,
    [values],
  );
}

/** Values that two looks bring, of which the first is held up, while it is planned, by a lock on a part until `meanwhile` is done. */
async function looked(lockedPart: string, meanwhile: () => Promise<void>): Promise<readonly number[]> {
  const options = { reads: pool, runs: new Runs(), partitioned: true, refused: () => undefined };
  const log = new SnapshotLog(pool, METRICS, options);
  const seen: number[] = [];
  let { position } = await log.begin();
  // Until a transaction has ended, the range of ids to look for is empty, and a plan drops every part without opening what is in it.
  await client.query('select pg_current_xact_id()');
  const look = async (from: Position): Promise<void> => {
    const found = await log.look(from, 'all', null, ({ rows }) =>
      seen.push(...rows.map(({ cells }) => Number(cells[3]))),
    );
    if ('otherRun' in found) throw new Error('another run of the database');
    position = found.position;
  };
  const blocker = await database.connect();
  await blocker.query(`begin; lock table ${lockedPart} in access exclusive mode`);
  // On a busy machine it may lose patience; then there is one look only, which brings the same.
  const first = look(position).catch((error: unknown) => {
    if (!isUnanswered(error)) throw error;
  });
  await vi.waitFor(
    async () => {
      const waiting = await client.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting.rowCount).toBe(1);
    },
    { timeout: 10_000, interval: 20 },
  );
  await meanwhile();
  await blocker.query('rollback');
  await first;
  await look(position);
  return seen;
}

describe('rows that are committed while a look is planned', () => {
  it('F4 come once, in a partition that was attached meanwhile', async () => {
    await client.query(`create table system_metrics ${COLUMNS} partition by range ("timestamp")`);
    await client.query(`create table past partition of system_metrics for values from (minvalue) to ('2200-01-01')`);
    await migrate({ connection: database.config, report: () => undefined });
    const seen = await looked('past', async () => {
      await client.query('create table future (like system_metrics including defaults)');
      await client.query(
        `alter table system_metrics attach partition future for values from ('2200-01-01') to (maxvalue)`,
      );
      await insert([1, 2], `timestamptz '2200-01-02'`);
    });
    expect(seen).toEqual([1, 2]);
  });
});

describe.skipIf(!(await hasTimescale()))('rows that are committed while a look at a hypertable is planned', () => {
  beforeEach(async () => {
    await client.query(`create table system_metrics ${COLUMNS}`);
    await makeHypertables(client, ['system_metrics']);
    await insert([1, 2, 3], `now() - v * interval '1 hour'`);
    for (const age of ['20 hours', '40 hours']) await insert([0], `now() - interval '${age}'`);
    await migrate({ connection: database.config, report: () => undefined });
    expect(await compressOld(client, 'system_metrics', 'metric_name')).toBe(2);
  });

  it('F4 come once, in a chunk that was made meanwhile', async () => {
    const { rows } = await client.query<{ chunk: string }>(
      `select chunk::text from show_chunks('system_metrics', newer_than => interval '10 hours') chunk limit 1`,
    );
    expect(await looked(rows[0]?.chunk ?? '', () => insert([4], `now() + interval '1 day'`))).toEqual([4]);
  });

  it.each(['20 hours', '40 hours'])(
    'F4 come once, in the chunk of %s ago, which held compressed rows alone',
    async (age) => {
      // Where the rows of the other compressed chunk are, which is planned for before or after.
      const { rows } = await client.query<{ place: string }>(
        `select oid::regclass::text as place from pg_class where relkind = 'r' and relname like 'compress_hyper%chunk' order by oid`,
      );
      expect(rows).toHaveLength(2);
      const other = rows[age === '20 hours' ? 1 : 0]?.place ?? '';
      expect(await looked(other, () => insert([5], `now() - interval '${age}'`))).toEqual([5]);
    },
  );
});
