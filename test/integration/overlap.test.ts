/** A database that was not migrated, and one with partitions: the feed follows both. */
import type pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase } from '../support/postgres.ts';

const TABLE = `create table funding_rates (id serial primary key, "timestamp" timestamptz not null, symbol varchar(20),
  exchange varchar(20), funding_rate decimal(10,8) not null, estimated_rate decimal(10,8), next_funding_time timestamptz,
  metadata jsonb, created_at timestamptz default now())`;
const PARTITIONED = TABLE.replace('id serial primary key', 'id serial').replace(
  /\)$/,
  ') partition by range ("timestamp")',
);

async function insert(client: pg.Client, time = 'now()', symbol = 'BTC/USDT'): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (${time}, $1, 'binance', 0.0001) returning id`,
    [symbol],
  );
  return rows[0]?.id ?? Number.NaN;
}

async function health(dashboard: Dashboard): Promise<unknown> {
  const answer = await fetch(`${dashboard.url}/api/health`);
  return answer.json();
}

describe('a table without the cursor column', () => {
  it('is followed by the tick, says what that means, and loses and doubles nothing to late commits', async () => {
    const database = await freshDatabase();
    const [writer, late] = await Promise.all([database.connect(), database.connect()]);
    await writer.query(TABLE);
    const before = await insert(writer);
    const dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '1' });
    const feed = await FeedSocket.open(dashboard.feedUrl);
    try {
      await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BTC/USDT'], range: '1h' });
      expect(await health(dashboard)).toMatchObject({
        streams: {
          funding_rates: { state: 'live', mend: expect.stringContaining('npm run migrate') },
          anomalies: { state: 'off', mend: expect.stringContaining('migrate') },
        },
      });
      expect(feed.of('snapshot')[0]).toMatchObject({ rows_total: 1 });
      await late.query('begin');
      const hidden = await insert(late);
      const ids = [await insert(writer), await insert(writer)];
      await feed.until(() => feed.deltaIds().length === 2);
      ids.push(await insert(writer));
      await feed.until(() => feed.deltaIds().length === 3);
      await late.query('commit');
      await feed.until(() => feed.deltaIds().length === 4);
      ids.push(await insert(writer));
      await feed.until(() => feed.deltaIds().length === 5);
      expect(feed.deltaIds().sort((a, b) => a - b)).toEqual([...ids, hidden].sort((a, b) => a - b));
      expect(feed.deltaIds()).not.toContain(before);
      expect(new Set(feed.of('delta').map(({ via }) => via))).toEqual(new Set(['tick']));
    } finally {
      await feed.close();
      await dashboard.stop();
      await database.drop();
    }
  });

  it('becomes immediate and exact when it is migrated while it is followed', async () => {
    const database = await freshDatabase();
    const writer = await database.connect();
    await writer.query(TABLE);
    const dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '1' });
    try {
      await vi.waitFor(async () =>
        expect(await health(dashboard)).toMatchObject({ streams: { funding_rates: { state: 'live' } } }),
      );
      await migrate({ connection: database.config, report: () => undefined });
      await vi.waitFor(
        async () => {
          const live = { state: 'live' };
          const told = await health(dashboard);
          expect(told).toMatchObject({
            streams: {
              funding_rates: live,
              anomalies: live,
              performance_metrics: live,
              signal_predictions: live,
              system_metrics: live,
            },
          });
          expect(JSON.stringify(told)).not.toContain('reason');
        },
        { timeout: 10_000 },
      );
      const feed = await FeedSocket.open(dashboard.feedUrl);
      await feed.subscribe({ id: 'a', stream: 'funding_rates' });
      const id = await insert(writer);
      await feed.until(() => feed.deltaIds().includes(id));
      expect(feed.of('delta')[0]?.via).toBe('notify');
      await feed.close();
    } finally {
      await dashboard.stop();
      await database.drop();
    }
  });
});

describe('a table with partitions', () => {
  it('F4 F5 gets recent rows at once and old ones by the tick, none twice', async () => {
    const database = await freshDatabase();
    const writer = await database.connect();
    await writer.query(PARTITIONED);
    await writer.query(
      `create table old_rates partition of funding_rates for values from ('2020-01-01') to ('2024-01-01')`,
    );
    await writer.query(
      `create table new_rates partition of funding_rates for values from ('2024-01-01') to ('2100-01-01')`,
    );
    await migrate({ connection: database.config, report: () => undefined });
    const dashboard = await startDashboard(database.url, {
      DASHBOARD_TICK_SECONDS: '2',
      DASHBOARD_HEARTBEAT_SECONDS: '0.2',
    });
    const feed = await FeedSocket.open(dashboard.feedUrl);
    try {
      await feed.subscribe({ id: 'a', stream: 'funding_rates' });
      await feed.until(() => feed.of('heartbeat').at(-1)?.doorbell === 'up');
      const recent: number[] = [];
      for (let i = 0; i < 10; i += 1) {
        await insert(writer, `'2021-05-01'`);
        recent.push(await insert(writer));
      }
      await feed.until(() => feed.deltaIds().length === 20);
      await insert(writer, `'2022-05-01'`);
      await feed.until(() => feed.deltaIds().length === 21);
      const notified = feed.of('delta').flatMap(({ via, rows }) => (via === 'notify' ? rows.map(({ id }) => id) : []));
      expect(new Set(feed.deltaIds()).size).toBe(21);
      expect(recent.filter((id) => notified.includes(id)).length).toBeGreaterThan(0);
    } finally {
      await feed.close();
      await dashboard.stop();
      await database.drop();
    }
  });
});
