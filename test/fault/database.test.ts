/** The database goes, comes back, loses its listener or crashes; the feed loses and doubles nothing. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';

let server: PrivateServer;

beforeAll(async () => {
  // A commit must survive the crash of the server, or what was delivered would be gone.
  server = await startServer({ settings: { synchronous_commit: 'on' } });
  await migrate({ connection: server.config, report: () => undefined });
});

afterAll(async () => {
  await server?.dispose();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(server.config);
  // The server is stopped under it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs a statement on a connection of its own, as a writer that comes and goes. */
async function run(sql: string): Promise<pg.QueryResult> {
  const client = await connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

const INSERT = `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', 1) returning id`;

async function insert(): Promise<number> {
  const { rows } = await run(INSERT);
  return Number(rows[0].id);
}

async function idsIn(): Promise<Set<number>> {
  const { rows } = await run('select id from system_metrics');
  return new Set(rows.map(({ id }) => Number(id)));
}

async function withDashboard(body: (dashboard: Dashboard, feed: FeedSocket) => Promise<void>): Promise<void> {
  const dashboard = await startDashboard(server.url, {
    DASHBOARD_TICK_SECONDS: '1',
    DASHBOARD_HEARTBEAT_SECONDS: '0.2',
  });
  const feed = await FeedSocket.open(dashboard.feedUrl);
  try {
    await feed.subscribe({ id: 'all', stream: 'system_metrics' });
    await body(dashboard, feed);
  } finally {
    await feed.close();
    await dashboard.stop();
  }
}

const doorbellUp = (feed: FeedSocket) => (): boolean => feed.of('heartbeat').at(-1)?.doorbell === 'up';

/** Has the server come up as a standby, or as a primary again. */
async function restartAs(role: 'standby' | 'primary'): Promise<void> {
  await server.stop('fast');
  const mark = join(server.dataDir, 'standby.signal');
  if (role === 'standby') await writeFile(mark, '');
  else await rm(mark);
  await server.start();
}

describe('the feed over faults of the database', () => {
  it('F4 F5 delivers by the tick while the listening backend is dead, and hears again after it', async () => {
    await withDashboard(async (_dashboard, feed) => {
      await feed.until(doorbellUp(feed));
      const before = await idsIn();
      const { rows } = await run(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'alphapulse-dashboard doorbell'`,
      );
      expect(rows).toHaveLength(1);
      for (let i = 0; i < 5; i += 1) await insert();
      await feed.until(() => feed.deltaIds().length === 5);
      await feed.until(doorbellUp(feed));
      await insert();
      await feed.until(() => feed.deltaIds().length === 6);
      await vi.waitFor(async () => {
        await insert();
        expect(feed.of('delta').at(-1)?.via).toBe('notify');
      });
      const after = await idsIn();
      await feed.until(() => feed.deltaIds().length === after.size - before.size);
      expect(new Set([...before, ...feed.deltaIds()])).toEqual(after);
    });
  });

  it('F4 loses and doubles nothing over crashes of the server that hand transaction ids out again', async () => {
    const before = await idsIn();
    await withDashboard(async (_dashboard, feed) => {
      for (let crash = 0; crash < 3; crash += 1) {
        for (let i = 0; i < 4; i += 1) await insert();
        const open = await connect();
        await open.query('begin');
        await open.query(INSERT);
        await server.stop('immediate');
        await feed.until(() => feed.of('heartbeat').at(-1)?.database === 'down');
        await server.start();
        for (let i = 0; i < 4; i += 1) await insert();
        await feed.until(() => feed.of('heartbeat').at(-1)?.database === 'up');
        await insert();
      }
      const after = await idsIn();
      const owed = [...after].filter((id) => !before.has(id));
      await feed.until(() => feed.deltaIds().length >= owed.length);
      expect(feed.deltaIds().sort((a, b) => a - b)).toEqual(owed.sort((a, b) => a - b));
      expect(feed.closed).toBeNull();
    });
  });

  it('serves while the database is away, says so, and follows it when it comes', async () => {
    await server.stop('fast');
    const dashboard = await startDashboard(server.url, { DASHBOARD_HEARTBEAT_SECONDS: '0.2' });
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.until(() => feed.of('heartbeat').at(-1)?.database === 'down');
    feed.say({ type: 'subscribe', id: 'early', stream: 'system_metrics' });
    await feed.until(() => feed.of('error').length > 0);
    expect(feed.of('error')[0]).toMatchObject({ id: 'early', code: 'unavailable' });
    await server.start();
    await feed.until(() => feed.of('heartbeat').at(-1)?.database === 'up');
    await feed.subscribe({ id: 'late', stream: 'system_metrics', keys: ['cpu'], range: '1h' });
    const id = await insert();
    await feed.until(() => feed.deltaIds().includes(id));
    await feed.close();
    await dashboard.stop();
  });

  it('refuses to follow a standby, says why, and goes on once it is a primary', async () => {
    await restartAs('standby');
    const dashboard = await startDashboard(server.url, { DASHBOARD_TICK_SECONDS: '1' });
    const feed = await FeedSocket.open(dashboard.feedUrl);
    try {
      await vi.waitFor(async () => {
        const answer = await fetch(`${dashboard.url}/api/health`);
        expect(await answer.json()).toMatchObject({
          streams: { anomalies: { state: 'off', reason: expect.stringContaining('standby') } },
        });
      });
      feed.say({ type: 'subscribe', id: 'a', stream: 'system_metrics' });
      await feed.until(() => feed.of('error').length > 0);
      expect(feed.of('error')[0]).toMatchObject({ code: 'unavailable', message: expect.stringContaining('primary') });
      await restartAs('primary');
      await vi.waitFor(async () => {
        const answer = await fetch(`${dashboard.url}/api/health`);
        expect(await answer.json()).toMatchObject({ status: 'healthy', streams: { anomalies: { state: 'live' } } });
      }, 20_000);
    } finally {
      await feed.close();
      await dashboard.stop();
    }
  });

  it('F4 delivers everything by the tick alone where no trigger rings', async () => {
    await migrate({ connection: server.config, doorbell: false, report: () => undefined });
    try {
      await withDashboard(async (_dashboard, feed) => {
        const ids = [await insert(), await insert(), await insert()];
        await feed.until(() => feed.deltaIds().length === 3);
        expect(new Set(feed.deltaIds())).toEqual(new Set(ids));
        expect(new Set(feed.of('delta').map(({ via }) => via))).toEqual(new Set(['tick']));
      });
    } finally {
      await migrate({ connection: server.config, report: () => undefined });
    }
  });
});
