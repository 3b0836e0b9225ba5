/** The network between the service and its database fails without a word: the service says so, and makes it good. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const POOL_SIZE = 4;
const HEARTBEAT_SECONDS = 0.2;
const OWN = `from pg_stat_activity where application_name like 'alphapulse-dashboard%' and backend_type = 'client backend'`;
const INSERT = `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', 1) returning id`;

let server: PrivateServer;
let writer: pg.Client;
let proxy: TcpProxy;
let dashboard: Dashboard;
let feed: FeedSocket;
let before: ReadonlySet<number>;

beforeAll(async () => {
  server = await startServer();
  await migrate({ connection: server.config, report: () => undefined });
  writer = new pg.Client(server.config);
  await writer.connect();
});
afterAll(async () => {
  await writer?.end();
  await server?.dispose();
});
beforeEach(async () => {
  before = await idsIn();
  proxy = await TcpProxy.start(server.config);
  dashboard = await startDashboard(proxy.url(server.url), {
    DASHBOARD_TICK_SECONDS: '1',
    DASHBOARD_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
    DASHBOARD_POOL_SIZE: String(POOL_SIZE),
  });
  feed = await FeedSocket.open(dashboard.feedUrl);
  await feed.subscribe({ id: 'all', stream: 'system_metrics' });
  await feed.until(() => is({ database: 'up', doorbell: 'up' }));
  // Every stream has begun: what fails from here on is looks.
  await expect.poll(health).toMatchObject({ status: 200, body: { status: 'healthy' } });
});
afterEach(async () => {
  await feed.close();
  await dashboard.stop();
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

async function backends(): Promise<number> {
  const { rows } = await writer.query<{ n: number }>(`select count(*)::integer as n ${OWN}`);
  return rows[0]?.n ?? Number.NaN;
}

function is(wanted: { database: 'up' | 'down'; doorbell: 'up' | 'down' }): boolean {
  const last = feed.of('heartbeat').at(-1);
  return last?.database === wanted.database && last.doorbell === wanted.doorbell;
}

async function health(): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${dashboard.url}/api/health`);
  return { status: answer.status, body: await answer.json() };
}

async function counter(name: string): Promise<number> {
  const answer = await fetch(`${dashboard.url}/api/metrics`);
  const metrics: unknown = await answer.json();
  if (typeof metrics !== 'object' || metrics === null || !('counters' in metrics)) throw new Error('no counters');
  const found = Object.entries(metrics.counters ?? {}).find(([key]) => key === name);
  return Number(found?.[1] ?? 0);
}

/** Waits until both are up again by themselves, and holds what was delivered against what was committed. */
async function expectRecovery(): Promise<void> {
  await feed.until(() => is({ database: 'up', doorbell: 'up' }), 30_000);
  expect(await health()).toMatchObject({ status: 200, body: { database: 'connected', doorbell: 'up' } });
  const last = await insert();
  await feed.until(() => feed.deltaIds().includes(last));
  const owed = [...(await idsIn())].filter((id) => !before.has(id));
  expect(feed.deltaIds().sort((a, b) => a - b)).toEqual(owed.sort((a, b) => a - b));
  // The pool and the doorbell, and nothing that was given up and forgotten.
  await expect.poll(backends, { timeout: 15_000 }).toBeLessThanOrEqual(POOL_SIZE + 1);
}

describe('a database that does not answer', () => {
  it('F4 F13 is on every heartbeat though nothing rings, and loses nothing: a black hole', async () => {
    proxy.blackHole();
    await feed.until(() => is({ database: 'down', doorbell: 'down' }), 30_000);
    expect(await health()).toMatchObject({
      status: 503,
      body: { status: 'degraded', database: 'disconnected', doorbell: 'down' },
    });
    const ready = await fetch(`${dashboard.url}/api/health/ready`);
    expect(ready.status).toBe(503);
    for (let i = 0; i < 20; i += 1) await insert();
    proxy.pass();
    await expectRecovery();
    expect(feed.closed).toBeNull();
  });

  it('F4 F13 may freeze for nine seconds', async () => {
    const beats = feed.of('heartbeat').length;
    proxy.freeze();
    for (let i = 0; i < 20; i += 1) await insert();
    // Counted in heartbeats, which must go on whatever the database does.
    await feed.until(() => feed.of('heartbeat').length >= beats + 9 / HEARTBEAT_SECONDS, 30_000);
    expect(is({ database: 'down', doorbell: 'down' })).toBe(true);
    proxy.thaw();
    await expectRecovery();
    expect(feed.closed).toBeNull();
  });

  it('F4 F13 may cut every connection, again and again', async () => {
    for (let i = 0; i < 5; i += 1) {
      const id = await insert();
      proxy.cut();
      await insert();
      await feed.until(() => feed.deltaIds().includes(id));
    }
    await expectRecovery();
  });

  it('F4 F13 may be a black hole when the service starts', async () => {
    proxy.blackHole();
    const late = await startDashboard(proxy.url(server.url), {
      DB_SSLMODE: 'prefer',
      DASHBOARD_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
    });
    const early = await FeedSocket.open(late.feedUrl);
    try {
      await early.until(() => early.of('heartbeat').length > 0);
      expect(early.of('heartbeat')[0]).toMatchObject({ database: 'down', doorbell: 'down' });
      proxy.pass();
      await early.until(() => early.of('heartbeat').at(-1)?.doorbell === 'up', 30_000);
      expect(early.of('heartbeat').at(-1)?.database).toBe('up');
      await early.subscribe({ id: 'all', stream: 'system_metrics' });
      const id = await insert();
      await early.until(() => early.deltaIds().includes(id));
    } finally {
      await early.close();
      await late.stop();
    }
  });
});

describe('a database that answers', () => {
  it('F13 is not called away where one table is locked; the other streams go on', async () => {
    const beats = feed.of('heartbeat').length;
    const errors = await counter('database_errors_total');
    await writer.query('begin; lock table anomalies in access exclusive mode');
    try {
      // A look at the locked table has been given up.
      await expect.poll(() => counter('database_errors_total'), { timeout: 20_000 }).toBeGreaterThan(errors);
      const other = new pg.Client(server.config);
      await other.connect();
      const { rows } = await other.query<{ id: number }>(INSERT);
      await other.end();
      await feed.until(() => feed.deltaIds().includes(rows[0]?.id ?? Number.NaN));
      expect((await health()).status).toBe(200);
    } finally {
      await writer.query('rollback');
    }
    expect(
      feed
        .of('heartbeat')
        .slice(beats)
        .map(({ database }) => database),
    ).not.toContain('down');
  });
});
