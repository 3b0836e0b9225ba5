/** The feed on hypertables. Runs where the server of the tests has TimescaleDB, and is reported as skipped elsewhere. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { dropChunks, hasTimescale } from '../support/timescale.ts';

/** As the field has it: created by the pipeline, in hourly chunks, with no key at all. */
const FIELD_TABLE = `create table funding_rates (id serial, "timestamp" timestamptz not null, symbol varchar(20) not null,
  exchange varchar(20) not null, funding_rate decimal(10,8) not null, estimated_rate decimal(10,8),
  next_funding_time timestamptz, metadata jsonb, created_at timestamptz default now())`;

describe.skipIf(!(await hasTimescale()))('the feed on hypertables', () => {
  let database: TestDatabase;
  let dashboard: Dashboard;
  let writer: pg.Client;
  let feed: FeedSocket;

  beforeAll(async () => {
    database = await freshDatabase();
    writer = await database.connect();
    await writer.query('create extension timescaledb');
    await writer.query(FIELD_TABLE);
    await writer.query(
      `select create_hypertable('funding_rates', 'timestamp', chunk_time_interval => interval '1 hour', create_default_indexes => false)`,
    );
    await writer.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now() - i * interval '10 minutes', 'BTC/USDT', 'binance', 0.0001 from generate_series(1, 1000) i`,
    );
    await writer.query(
      `alter table funding_rates set (timescaledb.compress, timescaledb.compress_segmentby = 'symbol')`,
    );
    await writer.query(`select compress_chunk(c) from show_chunks('funding_rates', older_than => interval '3 days') c`);
    await migrate({ connection: database.config, report: () => undefined });
    dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '2', DASHBOARD_HEARTBEAT_SECONDS: '0.2' });
    feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.until(() => feed.of('heartbeat').at(-1)?.doorbell === 'up');
  });

  afterAll(async () => {
    await feed?.close();
    await dashboard?.stop();
    await database?.drop();
  });

  async function insert(client: pg.Client, time = 'now()'): Promise<number> {
    const { rows } = await client.query<{ id: number }>(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (${time}, 'BTC/USDT', 'binance', 0.0002) returning id`,
    );
    return rows[0]?.id ?? Number.NaN;
  }

  it('F2 shows the history of plain and compressed chunks alike', async () => {
    await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BTC/USDT'], range: '7d', points: 10_000 });
    const { rows } = await writer.query<{ count: string }>(
      'select count(*) from funding_rates where "timestamp" >= now() - interval \'7 days\'',
    );
    const [snapshot] = feed.of('snapshot');
    expect(Math.abs((snapshot?.rows_total ?? 0) - Number(rows[0]?.count))).toBeLessThanOrEqual(1);
  });

  it('F4 F5 delivers recent rows by notification, and rows into old and compressed chunks by the tick', async () => {
    const before = feed.deltaIds().length;
    const ids = [await insert(writer), await insert(writer, `now() - interval '5 days'`), await insert(writer)];
    await feed.until(() => feed.deltaIds().length === before + 3);
    expect(new Set(feed.deltaIds().slice(before))).toEqual(new Set(ids));
    expect(feed.of('delta').map(({ via }) => via)).toContain('notify');
  });

  it('F4 loses and doubles nothing to a transaction that commits late, to bulk, and to chunks that are dropped', async () => {
    const before = new Set(feed.deltaIds());
    const late = await database.connect();
    await late.query('begin');
    const owed = [await insert(late)];
    owed.push(await insert(writer));
    const { rows } = await writer.query<{ id: number }>(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now() - i * interval '1 minute', 'BTC/USDT', 'bybit', 0.0001 from generate_series(1, 5000) i returning id`,
    );
    owed.push(...rows.map(({ id }) => id));
    await dropChunks(writer, 'funding_rates', '6 days');
    await late.query('commit');
    await feed.until(() => feed.deltaIds().length >= before.size + owed.length, 20_000);
    const got = feed.deltaIds().filter((id) => !before.has(id));
    expect(got).toHaveLength(owed.length);
    expect(new Set(got)).toEqual(new Set(owed));
  });
});
