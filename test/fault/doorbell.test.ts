/** The doorbell over everything that can make it deaf; whatever happens to it, rows come with the tick, none twice. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const INSERT = `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', 1) returning id`;
const LISTENERS = `from pg_stat_activity where application_name = 'alphapulse-dashboard doorbell'`;

let server: PrivateServer;
let proxy: TcpProxy;
let writer: pg.Client;
let before: ReadonlySet<number>;
const started: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startServer({ settings: { max_notify_queue_pages: '64' } });
  await migrate({ connection: server.config, report: () => undefined });
  writer = new pg.Client(server.config);
  await writer.connect();
});
afterAll(async () => {
  await writer?.end();
  await server?.dispose();
});
beforeEach(async () => {
  proxy = await TcpProxy.start(server.config);
  before = await idsIn();
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
  await proxy.stop();
});

async function idsIn(): Promise<Set<number>> {
  const { rows } = await writer.query<{ id: number }>('select id from system_metrics');
  return new Set(rows.map(({ id }) => id));
}

async function insert(): Promise<number> {
  const { rows } = await writer.query<{ id: number }>(INSERT);
  return rows[0]?.id ?? Number.NaN;
}

/** The address of a database as the network between sees it. */
function through(database = server.config.database): string {
  const url = new URL(proxy.url(server.url));
  url.pathname = `/${database}`;
  return url.href;
}

/** A dashboard that listens at `listenUrl`, with a subscriber to all of system_metrics. */
async function start(listenUrl: string): Promise<{ dashboard: Dashboard; feed: FeedSocket }> {
  const dashboard = await startDashboard(server.url, {
    DASHBOARD_LISTEN_URL: listenUrl,
    DASHBOARD_TICK_SECONDS: '1',
    DASHBOARD_HEARTBEAT_SECONDS: '0.2',
  });
  started.push(dashboard);
  const feed = await FeedSocket.open(dashboard.feedUrl);
  await feed.subscribe({ id: 'all', stream: 'system_metrics' });
  await expect.poll(() => json(dashboard, '/api/health')).toMatchObject({ status: 'healthy' });
  return { dashboard, feed };
}

async function json(dashboard: Dashboard, path: string): Promise<unknown> {
  const answer = await fetch(`${dashboard.url}${path}`);
  return answer.json();
}

async function counter(dashboard: Dashboard, name: string): Promise<number> {
  const metrics = await json(dashboard, '/api/metrics');
  if (typeof metrics !== 'object' || metrics === null || !('counters' in metrics)) throw new Error('no counters');
  const found = Object.entries(metrics.counters ?? {}).find(([key]) => key === name);
  return Number(found?.[1] ?? 0);
}

const is = (feed: FeedSocket, state: 'up' | 'down') => (): boolean => feed.of('heartbeat').at(-1)?.doorbell === state;

/** Holds what was delivered against what was committed, as sets; the last row proves that nothing more is on its way. */
async function expectAll(feed: FeedSocket): Promise<void> {
  const last = await insert();
  await feed.until(() => feed.deltaIds().includes(last));
  const owed = [...(await idsIn())].filter((id) => !before.has(id));
  await feed.until(() => feed.deltaIds().length >= owed.length);
  expect(feed.deltaIds().sort((a, b) => a - b)).toEqual(owed.sort((a, b) => a - b));
}

/** Writes until a row comes because it was rung for. */
async function expectRung(feed: FeedSocket): Promise<void> {
  await expect
    .poll(
      async () => {
        const id = await insert();
        await feed.until(() => feed.deltaIds().includes(id));
        return feed.of('delta').find(({ rows }) => rows.some((row) => row.id === id))?.via;
      },
      { timeout: 10_000 },
    )
    .toBe('notify');
}

describe('the doorbell', () => {
  it('F5 probes itself at every tick, and a probe makes nobody look', async () => {
    const { dashboard, feed } = await start(through());
    await feed.until(is(feed, 'up'));
    const other = await start(server.url);
    await other.feed.until(is(other.feed, 'up'));
    const probes = await counter(dashboard, 'doorbell_probes_total');
    await expect
      .poll(() => counter(dashboard, 'doorbell_probes_total'), { timeout: 10_000 })
      .toBeGreaterThan(probes + 2);
    // Two dashboards on one database hear each other's probes, and take them for nothing.
    for (const one of [dashboard, other.dashboard]) {
      expect(await counter(one, 'rings_total')).toBe(0);
      expect(await counter(one, 'doorbell_deaf_total')).toBe(0);
    }
    expect(await json(dashboard, '/api/health')).toMatchObject({ doorbell: 'up' });
    await expectRung(feed);
    await expectAll(feed);
  });

  it.each(['freeze', 'blackHole'] as const)(
    'F4 F5 is built anew when its connection does not hear any more: %s',
    async (fault) => {
      const { dashboard, feed } = await start(through());
      await feed.until(is(feed, 'up'));
      proxy[fault]();
      // The database itself answers, so nothing but the probe can tell.
      await feed.until(is(feed, 'down'));
      expect(feed.of('heartbeat').at(-1)?.database).toBe('up');
      expect(await json(dashboard, '/api/health')).toMatchObject({
        status: 'healthy',
        database: 'connected',
        doorbell: 'down',
        doorbell_reason: expect.any(String),
      });
      expect(await counter(dashboard, 'doorbell_deaf_total')).toBe(1);
      const id = await insert();
      await feed.until(() => feed.deltaIds().includes(id));
      proxy.pass();
      await feed.until(is(feed, 'up'));
      await expectRung(feed);
      await expectAll(feed);
      // The one that was given up is gone: no backend is left that nobody listens to.
      await expect.poll(async () => (await writer.query(`select pid ${LISTENERS}`)).rowCount).toBe(1);
    },
  );

  it('F4 F5 comes back when its backend is killed, again and again', async () => {
    const { feed } = await start(through());
    for (let i = 0; i < 3; i += 1) {
      await feed.until(is(feed, 'up'));
      const seen = feed.of('heartbeat').length;
      const { rowCount } = await writer.query(`select pg_terminate_backend(pid) ${LISTENERS}`);
      expect(rowCount).toBe(1);
      await insert();
      await feed.until(() =>
        feed
          .of('heartbeat')
          .slice(seen)
          .some(({ doorbell }) => doorbell === 'down'),
      );
    }
    await feed.until(is(feed, 'up'));
    await expectRung(feed);
    await expectAll(feed);
  });

  it('F4 F5 says what to do when what is notified never arrives, as behind a transaction pooler', async () => {
    // NOTIFY reaches the listeners of its own database alone, so that LISTEN on another one works and hears nothing.
    await writer.query('create database elsewhere');
    const { dashboard, feed } = await start(through('elsewhere'));
    await expect.poll(() => counter(dashboard, 'doorbell_deaf_total'), { timeout: 10_000 }).toBeGreaterThan(1);
    expect(feed.of('heartbeat').every(({ doorbell }) => doorbell === 'down')).toBe(true);
    expect(await json(dashboard, '/api/health')).toMatchObject({
      status: 'healthy',
      doorbell: 'down',
      doorbell_mend: expect.stringContaining('DASHBOARD_LISTEN_URL'),
    });
    await expectAll(feed);
    expect(new Set(feed.of('delta').map(({ via }) => via))).toEqual(new Set(['tick']));
  });

  it('leaves the database up and the feed alone where the listening address leads nowhere', async () => {
    await proxy.stop();
    const { dashboard, feed } = await start(through());
    expect(feed.of('heartbeat').every(({ database }) => database === 'up')).toBe(true);
    expect(await json(dashboard, '/api/health')).toMatchObject({ status: 'healthy', doorbell: 'down' });
    await expectAll(feed);
  });

  it('F4 F5 leaves writers alone and says that nothing rings while the notification queue fills up', async () => {
    const { dashboard, feed } = await start(server.url);
    await feed.until(is(feed, 'up'));
    const hoarder = new pg.Client(server.config);
    await hoarder.connect();
    try {
      await hoarder.query('listen noise');
      // A listener inside a transaction reads nothing, and nothing behind it can be thrown away.
      await hoarder.query('begin');
      const more = `select pg_notify('noise', clock_timestamp() || repeat('x', 7000)), pg_notification_queue_usage() as usage`;
      // Past the half that the triggers leave alone, and not full: a notification would still go through.
      for (let usage = 0; usage < 0.6; ) usage = (await writer.query<{ usage: number }>(more)).rows[0]?.usage ?? 1;
      for (let i = 0; i < 20; i += 1) await insert();
      await feed.until(is(feed, 'down'));
      expect(await json(dashboard, '/api/health')).toMatchObject({
        database: 'connected',
        doorbell: 'down',
        doorbell_reason: expect.stringContaining('queue'),
        doorbell_mend: expect.stringContaining('pg_stat_activity'),
      });
      await expectAll(feed);
      // The connection itself is as good as it was.
      expect(await counter(dashboard, 'doorbell_deaf_total')).toBe(0);
      await hoarder.query('commit');
      await feed.until(is(feed, 'up'));
    } finally {
      await hoarder.end();
    }
    await expectRung(feed);
    await expectAll(feed);
  });
});
