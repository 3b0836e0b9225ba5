/** What can go wrong inside a database that stays up: its listener killed, its doorbell gone, its queue full, a transaction left open. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import type { Via } from '../../shared/protocol.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';
import { SHOWN_SYMBOL } from '../support/writers.ts';

const FILE = 'test/fault/backend.test.ts';
const [SEED = 1] = seeds(1);

let server: PrivateServer;
let dashboard: Dashboard;
let scene: Scene;

beforeAll(async () => {
  // The least notification queue that PostgreSQL allows: 64 pages of 8 kB.
  const settings = { synchronous_commit: 'on', max_notify_queue_pages: '64', max_prepared_transactions: '4' };
  server = await startServer({ settings });
  await migrate({ connection: server.config, report: () => undefined });
});

afterAll(async () => {
  await server?.dispose();
});

beforeEach(async () => {
  dashboard = await startDashboard(server.url, { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' });
  scene = await Scene.start({ config: server.config, feedUrl: () => dashboard.feedUrl, seed: SEED });
});

afterEach(async () => {
  await scene?.stop();
  await dashboard?.stop();
});

const doorbell = async (state: 'up' | 'down'): Promise<void> =>
  vi.waitFor(() => expect(scene.live.heartbeat?.doorbell).toBe(state), { timeout: 15_000, interval: 10 });

/** What holds for every fault of this file: the writers and the connections did not notice it. */
async function nobodyNoticed(): Promise<void> {
  await scene.agree();
  expect(scene.writers.failures).toEqual([]);
  expect(scene.live.connections).toBe(1);
  expect([...scene.live.gaps, ...scene.resuming.gaps, ...scene.absent.gaps]).toEqual([]);
  expect(scene.resuming.cuts).toBeGreaterThan(0);
}

/** Rows that have come to the subscriber to everything in a way, over all streams. */
function rowsBy(via: Via): number {
  return STREAM_NAMES.reduce((sum, stream) => sum + scene.live.recording(stream).ways[via], 0);
}

/** Waits until `count` further rows have come in a way. */
async function moreRowsBy(via: Via, count: number): Promise<void> {
  const before = rowsBy(via);
  await vi.waitFor(() => expect(rowsBy(via)).toBeGreaterThanOrEqual(before + count), { timeout: 15_000, interval: 10 });
}

const run = (sql: string): Promise<number> =>
  withClient(server.config, async (client) => (await client.query(sql)).rowCount ?? 0);

describe(`the feed over faults inside the database (seed ${SEED})`, () => {
  it('F4 F5 F6 keeps every row while the listening backend is killed again and again', async () => {
    await withSeed(SEED, FILE, async () => {
      for (let kill = 0; kill < 3; kill += 1) {
        await doorbell('up');
        const killed = await run(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'alphapulse-dashboard doorbell'`,
        );
        expect(killed).toBe(1);
        await scene.writers.more(60);
      }
      await doorbell('up');
      await moreRowsBy('notify', 20);
      await nobodyNoticed();
    });
  });

  it('F4 F6 keeps every row while every connection of the server to its database is killed', async () => {
    await withSeed(SEED, FILE, async () => {
      for (let kill = 0; kill < 4; kill += 1) {
        await run(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'alphapulse-dashboard%'`,
        );
        await scene.writers.more(40);
      }
      await nobodyNoticed();
    });
  });

  it('F5 delivers by the tick while the triggers are gone, and at once when they are back', async () => {
    await withSeed(SEED, FILE, async () => {
      await moreRowsBy('notify', 20);
      for (const stream of STREAM_NAMES) await dropDoorbell(stream);
      await moreRowsBy('tick', 200);
      await migrate({ connection: server.config, report: () => undefined });
      await moreRowsBy('notify', 20);
      await nobodyNoticed();
    });
  });

  it('F4 F5 lets the writers go on while the notification queue is full, and delivers by the tick', async () => {
    await withSeed(SEED, FILE, async () => {
      await withClient(server.config, async (listener) => {
        await listener.query('listen noise');
        // A listener inside a transaction reads nothing, and nothing behind it can be thrown away.
        await listener.query('begin');
        await fillQueue(0.6);
        // Who rang below half and has not committed would fail were the other half filled (4 GB of it by default) meanwhile.
        await everyoneCommitted();
        await expect(fillQueue(2)).rejects.toMatchObject({ code: '54000' });
        await moreRowsBy('tick', 200);
        await listener.query('commit');
      });
      await moreRowsBy('notify', 20);
      await nobodyNoticed();
    });
  });

  it('F4 delivers what a transaction prepared when it is committed, however much came after it', async () => {
    await withSeed(SEED, FILE, async () => {
      await prepare('kept', -1);
      await prepare('thrown', -2);
      await scene.writers.more(120);
      await vi.waitFor(() => expect(scene.absent.live).toBe(true));
      // Who knows the transaction as running goes on from there after it has ended.
      scene.leave();
      await scene.writers.more(120);
      await run(`commit prepared 'kept'`);
      await run(`rollback prepared 'thrown'`);
      await vi.waitFor(() => expect([...scene.live.recording('anomalies').rows.keys()]).toContain(-1), 15_000);
      await nobodyNoticed();
      expect(scene.absent.recording('anomalies').rows.has(-1)).toBe(true);
      expect(scene.absent.recording('anomalies').rows.has(-2)).toBe(false);
    });
  });
});

/** The lock that this takes must not be waited for, or the writers behind it wait for those before it, and these for them. */
async function dropDoorbell(stream: StreamName): Promise<void> {
  await vi.waitFor(
    () => run(`set lock_timeout = '20ms'; drop trigger if exists alphapulse_dashboard_doorbell on ${stream}`),
    { timeout: 15_000, interval: 10 },
  );
}

/** Leaves a transaction prepared that has inserted one row of that number. */
async function prepare(name: string, mark: number): Promise<void> {
  await withClient(server.config, async (client) => {
    // A transaction that has rung cannot be prepared, so two-phase writers have no doorbell.
    await client.query(`set session_replication_role = replica`);
    await client.query('begin');
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), $1, 'one', $2, 5)`,
      [SHOWN_SYMBOL, mark],
    );
    await client.query(`prepare transaction '${name}'`);
  });
}

/** Fills the notification queue up to a share of it; above 1 it fails when it is full. */
async function fillQueue(share: number): Promise<void> {
  await withClient(server.config, async (client) => {
    for (let usage = 0; usage < share; ) {
      await client.query(`select pg_notify('noise', $1 || repeat('x', 7000))`, [usage]);
      usage =
        (await client.query<{ usage: number }>('select pg_notification_queue_usage() as usage')).rows[0]?.usage ?? 1;
    }
  });
}

/** Waits until every transaction that is in progress now has ended. */
async function everyoneCommitted(): Promise<void> {
  await withClient(server.config, async (client) => {
    const { rows } = await client.query<{ next: string }>(
      'select pg_snapshot_xmax(pg_current_snapshot())::text as next',
    );
    await vi.waitFor(async () => {
      const now = await client.query('select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 as over', [
        rows[0]?.next,
      ]);
      expect(now.rows).toEqual([{ over: true }]);
    }, 15_000);
  });
}
