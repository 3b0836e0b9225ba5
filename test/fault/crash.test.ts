/** The database server crashes under its writers, hands transaction ids out again, and the feed loses and doubles nothing. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';
import { SHOWN_SYMBOL } from '../support/writers.ts';

const FILE = 'test/fault/crash.test.ts';
const [SEED = 1] = seeds(1);

let server: PrivateServer;
let scene: Scene | null = null;
const dashboards: Dashboard[] = [];

beforeAll(async () => {
  // A commit must survive the crash of the server, or what was delivered would be gone.
  server = await startServer({ settings: { synchronous_commit: 'on', max_prepared_transactions: '2' } });
  await migrate({ connection: server.config, report: () => undefined });
});

afterEach(async () => {
  await scene?.stop();
  scene = null;
  for (const dashboard of dashboards.splice(0)) await dashboard.stop();
});

afterAll(async () => {
  await server?.dispose();
});

async function dashboard(): Promise<Dashboard> {
  const env = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };
  const started = await startDashboard(server.url, env);
  dashboards.push(started);
  return started;
}

/** Connections that do nothing but use transaction ids up, up to the moment of a crash. */
const BURNERS = 4;

/**
 * Makes a function that uses 51 ids and returns the first. Its transaction commits, but what changed nothing that outlives
 * the connection waits for no log; above 64 subtransactions a record of them would be in it.
 */
const BURN = `
  create temp table burnt (n integer);
  create function pg_temp.burn() returns text language plpgsql as $$
  begin
    for i in 1..50 loop
      begin
        insert into burnt values (i);
      exception when division_by_zero then
        raise;
      end;
    end loop;
    return pg_current_xact_id()::text;
  end $$`;

/**
 * Crashes the server while ids are being handed out that are in no log yet, so that it hands them out again. Returns how
 * many it took back.
 */
async function crash(): Promise<bigint> {
  let highest = 0n;
  const burn = async (): Promise<void> => {
    const client = new pg.Client(server.config);
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(BURN);
      for (;;) {
        const { rows } = await client.query<{ id: string }>('select pg_temp.burn() as id');
        const id = BigInt(rows[0]?.id ?? '0');
        if (id > highest) highest = id;
      }
    } catch {
      // The crash has come.
      client.end().catch(() => undefined);
    }
  };
  const burners = Array.from({ length: BURNERS }, burn);
  await vi.waitFor(() => expect(highest).toBeGreaterThan(0n));
  await server.stop('immediate');
  await Promise.all(burners);
  await server.start();
  const next = await withClient(server.config, async (client) => {
    const { rows } = await client.query<{ id: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as id');
    return BigInt(rows[0]?.id ?? '0');
  });
  return highest - next;
}

/** Crashes the server until it has taken ids back. */
async function crashWithReuse(): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) if ((await crash()) > 0n) return;
  throw new Error('five crashes in a row took no transaction id back');
}

/** Everybody but the writers, whose connections broke, goes on as if nothing had been. */
async function nothingLost(at: Scene): Promise<void> {
  await at.agree();
  expect([...at.live.gaps, ...at.resuming.gaps, ...at.absent.gaps]).toEqual([]);
  expect(at.resuming.cuts).toBeGreaterThan(0);
}

describe(`the feed over crashes of the database server (seed ${SEED})`, () => {
  it('F4 F6 keeps every row over crashes that hand transaction ids out again', async () => {
    await withSeed(SEED, FILE, async () => {
      const { feedUrl } = await dashboard();
      scene = await Scene.start({ config: server.config, feedUrl: () => feedUrl, seed: SEED });
      for (let round = 0; round < 3; round += 1) {
        await crashWithReuse();
        await scene.writers.more(60);
      }
      await nothingLost(scene);
      expect(scene.live.connections).toBe(1);
    });
  });

  it('F6 goes on exactly from a cursor of before the crash, after rows came under ids used twice', async () => {
    await withSeed(SEED, FILE, async () => {
      const { feedUrl } = await dashboard();
      scene = await Scene.start({ config: server.config, feedUrl: () => feedUrl, seed: SEED });
      scene.leave();
      await scene.writers.more(20);
      await crashWithReuse();
      await scene.writers.more(80);
      scene.comeBack();
      await scene.everybodyLive();
      await nothingLost(scene);
    });
  });

  it('F6 another server, begun after the crash, goes on exactly from the cursors of the one before it', async () => {
    await withSeed(SEED, FILE, async () => {
      let current = await dashboard();
      scene = await Scene.start({ config: server.config, feedUrl: () => current.feedUrl, seed: SEED });
      const chart = scene.record({ url: () => current.feedUrl, streams: STREAM_NAMES, range: '7d' });
      await scene.everybodyLive();
      expect(chart.count('snapshot')).toBeGreaterThan(0);
      const first = current;
      scene.leave();
      await scene.writers.more(20);
      await crashWithReuse();
      await scene.writers.more(40);
      current = await dashboard();
      await first.stop();
      scene.comeBack();
      await scene.everybodyLive();
      await nothingLost(scene);
      expect(chart.gaps).toEqual([]);
    });
  });

  it('F4 delivers what was prepared before a crash and committed after it', async () => {
    await withSeed(SEED, FILE, async () => {
      const { feedUrl } = await dashboard();
      scene = await Scene.start({ config: server.config, feedUrl: () => feedUrl, seed: SEED });
      await withClient(server.config, async (client) => {
        // A transaction that has rung cannot be prepared.
        await client.query('set session_replication_role = replica');
        await client.query('begin');
        await client.query(
          `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), $1, 'one', -1, 5)`,
          [SHOWN_SYMBOL],
        );
        await client.query(`prepare transaction 'over the crash'`);
      });
      await scene.writers.more(60);
      scene.leave();
      await crash();
      await scene.writers.more(60);
      await withClient(server.config, (client) => client.query(`commit prepared 'over the crash'`));
      const { live } = scene;
      await vi.waitFor(() => expect(live.recording('anomalies').rows.has(-1)).toBe(true), 15_000);
      await nothingLost(scene);
    });
  });
});
