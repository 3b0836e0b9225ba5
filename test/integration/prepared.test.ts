/** Histories by prepared statements, also where the connection turns out to be another server process, as behind a transaction pooler. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HeldSnapshot, type HistoryMemory } from '../../server/db/held.ts';
import { Spacings } from '../../server/db/history/spacings.ts';
import { Statements } from '../../server/db/prepared.ts';
import { STREAMS } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  pool = new pg.Pool({ ...database.config, max: 1 });
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

const memory: HistoryMemory = { spacings: new Spacings(), statements: new Statements() };

async function rows(): Promise<number> {
  const held = await HeldSnapshot.open(pool, STREAMS.system_metrics, memory);
  const snapshot = { xmin: 0n, xmax: 0n, running: [] };
  const { channels } = held.at({ run: 'r', all: snapshot, recent: snapshot, bound: null, highest: 0n });
  const request = { keys: ['m'], range: { kind: 'window', ms: 3_600_000 }, resolution: { points: 100 } } as const;
  let total = 0;
  try {
    for await (const { rowsTotal } of channels({ ...request, now: Date.now(), pointLimit: 1000 })) total += rowsTotal;
  } finally {
    await held.release();
  }
  return total;
}

it('are read by them, and without them once the database does not know one of them', async () => {
  await pool.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value) select now() - interval '1 minute', 'm', i from generate_series(1, 5) i`,
  );
  expect(await rows()).toBe(5);
  const prepared = `select from pg_prepared_statements where name like 'history %'`;
  expect((await pool.query(prepared)).rowCount).toBeGreaterThan(3);
  await pool.query('deallocate all');
  await expect(rows()).rejects.toMatchObject({ code: '26000' });
  expect(await rows()).toBe(5);
  expect((await pool.query(prepared)).rowCount).toBe(0);
});
