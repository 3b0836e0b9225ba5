/** Looks whose snapshot is older than the truncation of a part of their table, which takes its rows away from that snapshot too. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SnapshotLog } from '../../server/db/changes.ts';
import { HeldSnapshot } from '../../server/db/held.ts';
import { Spacings } from '../../server/db/history/spacings.ts';
import { migrate } from '../../server/db/migrate.ts';
import { Runs } from '../../server/db/run.ts';
import type { Reservation } from '../../server/feed/ports.ts';
import { STREAMS } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const METRICS = STREAMS.system_metrics;

let database: TestDatabase;
let client: pg.Client;
let pool: pg.Pool;

beforeAll(async () => {
  database = await freshDatabase();
  client = await database.connect();
  await client.query(`
    create table system_metrics (id serial, "timestamp" timestamptz not null, metric_name varchar(100) not null,
      metric_value double precision not null, metric_unit varchar(20), metadata jsonb,
      created_at timestamptz default now(), primary key (id, "timestamp")) partition by range ("timestamp");
    create table old_metrics partition of system_metrics default partition by range ("timestamp");
    create table oldest_metrics partition of old_metrics default`);
  await migrate({ connection: database.config, report: () => undefined });
  pool = new pg.Pool({ ...database.config, max: 2 });
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

it('F4 a held look is not believed where a part was rewritten since its snapshot; the next has every row', async () => {
  const options = { reads: pool, runs: new Runs(), partitioned: true, refused: () => undefined };
  const log = new SnapshotLog(pool, METRICS, options);
  const { position } = await log.begin();
  const held = await HeldSnapshot.open(pool, METRICS, { spacings: new Spacings(), statements: null });
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value) select now(), 'm', i from generate_series(1, 10) i`,
  );
  await held.client.query('select pg_current_snapshot()');
  // As the compression of a chunk does: the rows are elsewhere afterwards, and to the older snapshot nowhere.
  await client.query('begin');
  await client.query('create temp table kept on commit drop as select * from oldest_metrics');
  await client.query('truncate oldest_metrics');
  await client.query('insert into oldest_metrics select * from kept');
  await client.query('commit');
  const seen: (string | null | undefined)[] = [];
  const look = async (reservation: Reservation | null) =>
    log.look(position, 'all', reservation, ({ rows }) => seen.push(...rows.map(({ cells }) => cells[3])));
  await expect(look(held)).rejects.toMatchObject({ code: 'chunk_rewritten', value: 'system_metrics' });
  expect(seen).toEqual([]);
  const all = Array.from({ length: 10 }, (_, index) => String(index + 1));
  await look(null);
  expect(seen).toEqual(all);
  const later = await look(await log.reserve());
  expect(seen).toEqual([...all, ...all]);
  if ('held' in later) await later.held?.release();
});
