/** Rollups of tables in parts: rows that go with their chunk or partition, which tells nobody, are shown no more. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { STREAMS } from '../../shared/streams.ts';
import { compareHistory } from '../support/exact-history.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { settled } from '../support/rollups.ts';
import { compressOld, hasTimescale, makeHypertables } from '../support/timescale.ts';

const METRICS = STREAMS.system_metrics;
const HOUR_MS = 3_600_000;
/** The beginning of the present hour. */
const HOUR = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;

let db: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  db = await freshDatabase();
  client = await db.connect();
});
afterEach(() => db.drop());

/** Three hundred rows of a metric in each of the hours that began so many hours ago. */
async function write(hoursAgo: readonly number[], value = 1): Promise<void> {
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value)
     select to_timestamp($1::float8 / 1000 - h * 3600.0 + i * 11.9), 'cpu', $3 * sin(i * h) from unnest($2::int[]) h, generate_series(1, 300) i`,
    [HOUR, hoursAgo, value],
  );
}

async function packedHours(): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(distinct hour)::int as n from alphapulse_dashboard.rollups where stream = 'system_metrics'`,
  );
  return rows[0]?.n ?? -1;
}

const ISO = (hoursAgo: number): string => new Date(HOUR - hoursAgo * HOUR_MS).toISOString();

const METRICS_TABLE = `create table system_metrics (id serial, "timestamp" timestamptz not null,
  metric_name varchar(100) not null, metric_value double precision not null, metric_unit varchar(20), metadata jsonb,
  created_at timestamptz default now())`;

describe('of a partitioned table', () => {
  beforeEach(async () => {
    await client.query(`${METRICS_TABLE} partition by range ("timestamp")`);
    for (const [index, hours] of [40, 30, 20, 10].entries()) {
      await client.query(
        `create table part_${index} partition of system_metrics for values from ('${ISO(hours)}') to ('${ISO(hours - 10)}')`,
      );
    }
    await client.query('create table part_rest partition of system_metrics default');
    await migrate({ connection: db.config, report: () => undefined });
    await write([39, 35, 31, 29, 25, 19, 15, 5, 2]);
    await settled(client, METRICS);
    expect(await packedHours()).toBe(9);
  });

  it('a partition that was dropped is in no history, neither before nor after its packs are', async () => {
    expect((await compareHistory(client, METRICS)).rows).toBe(2700);
    await client.query('drop table part_1');
    expect((await compareHistory(client, METRICS)).rows).toBe(2100);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(2100);
    expect(await packedHours()).toBe(7);
  });

  it('one that was detached is in none either, nor hides what comes in its place', async () => {
    await client.query('alter table system_metrics detach partition part_1');
    await client.query(
      `create table part_new partition of system_metrics for values from ('${ISO(30)}') to ('${ISO(20)}')`,
    );
    await write([29], 100);
    expect((await compareHistory(client, METRICS)).rows).toBe(2400);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(2400);
    expect(await packedHours()).toBe(8);
  });

  it('packs of other times stay', async () => {
    await client.query('drop table part_0');
    const { rows } = await client.query(
      `select count(*)::int as n from alphapulse_dashboard.rollups r where not exists (
         select from alphapulse_dashboard.rollup_doubts d where d.stream = r.stream
           and d.from_time < r.hour + interval '1 hour' and d.to_time >= r.hour)`,
    );
    const { rows: all } = await client.query('select count(*)::int as n from alphapulse_dashboard.rollups');
    // Three of nine hours with one pack a width each.
    expect(Number(rows[0]?.n) * 9).toBe(Number(all[0]?.n) * 6);
  });
});

describe.skipIf(!(await hasTimescale()))('of a hypertable', () => {
  beforeEach(async () => {
    await client.query(METRICS_TABLE);
    await makeHypertables(client, ['system_metrics']);
    await migrate({ connection: db.config, report: () => undefined });
    await write([39, 35, 31, 29, 25, 19, 15, 5, 2]);
    await settled(client, METRICS);
    expect(await packedHours()).toBe(9);
  });

  it('a chunk that was dropped is in no history, neither before nor after its packs are', async () => {
    expect((await compareHistory(client, METRICS)).rows).toBe(2700);
    await client.query(`select drop_chunks('system_metrics', older_than => $1::timestamptz)`, [ISO(30)]);
    expect((await compareHistory(client, METRICS)).rows).toBe(1800);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(1800);
    expect(await packedHours()).toBe(6);
  });

  it('one in the middle is missed as well, and late rows that make it anew are not hidden', async () => {
    await client.query(
      `select drop_chunks('system_metrics', older_than => $1::timestamptz, newer_than => $2::timestamptz)`,
      [ISO(24), ISO(30)],
    );
    await write([29], 100);
    expect((await compareHistory(client, METRICS)).rows).toBe(2400);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(2400);
    expect(await packedHours()).toBe(8);
  });

  it('compressing, recompressing and decompressing change nothing, late rows into compressed chunks are counted', async () => {
    expect(await compressOld(client, 'system_metrics', 'metric_name', '10 hours')).toBe(7);
    expect(await packedHours()).toBe(9);
    expect((await compareHistory(client, METRICS)).rows).toBe(2700);
    await write([35, 25], 7);
    expect((await compareHistory(client, METRICS)).rows).toBe(3300);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(3300);
    await client.query(
      `select compress_chunk(c) from show_chunks('system_metrics', older_than => interval '10 hours') c`,
    );
    await client.query(
      `select decompress_chunk(c) from show_chunks('system_metrics', older_than => interval '30 hours') c`,
    );
    expect((await compareHistory(client, METRICS)).rows).toBe(3300);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(3300);
    expect(await packedHours()).toBe(9);
  });

  it('rows that were updated or deleted in compressed chunks are not believed to be there', async () => {
    await compressOld(client, 'system_metrics', 'metric_name', '10 hours');
    await client.query(`update system_metrics set metric_value = -5 where "timestamp" < $1 and id % 3 = 0`, [ISO(28)]);
    expect((await compareHistory(client, METRICS)).rows).toBe(2700);
    await client.query(`delete from system_metrics where "timestamp" < $1`, [ISO(38)]);
    expect((await compareHistory(client, METRICS)).rows).toBe(2400);
    await settled(client, METRICS);
    expect((await compareHistory(client, METRICS)).rows).toBe(2400);
    expect(await packedHours()).toBe(8);
    await client.query('truncate system_metrics');
    expect((await compareHistory(client, METRICS)).rows).toBe(0);
  });
});
