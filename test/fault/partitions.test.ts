/** Partitioned tables, where old rows are read by the tick and young ones at once: the same promise under faults. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';

const FILE = 'test/fault/partitions.test.ts';
const [SEED = 1] = seeds(1);
const DAY_MS = 86_400_000;

let server: PrivateServer;
let scene: Scene | null = null;
const dashboards: Dashboard[] = [];

beforeAll(async () => {
  server = await startServer({ settings: { synchronous_commit: 'on' } });
  await migrate({ connection: server.config, report: () => undefined });
  await withClient(server.config, async (client) => {
    for (const stream of STREAM_NAMES) await partition(client, stream);
  });
  // Column, index and trigger of the tables as they are now.
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

/** Puts a table with a partition for each of some days, and one for all the rest, in the place of a plain one. */
async function partition(client: pg.Client, table: string): Promise<void> {
  await client.query(`alter table ${table} rename to plain_${table}`);
  await client.query(
    `create table ${table} (like plain_${table} including defaults) partition by range ("timestamp");
     alter table ${table} drop column dashboard_xid;
     alter sequence ${table}_id_seq owned by none;
     drop table plain_${table};
     create table ${table}_rest partition of ${table} default`,
  );
  for (let day = -2; day <= 1; day += 1) {
    const [from, to] = [day, day + 1].map((offset) =>
      pg.escapeLiteral(new Date(Math.floor(Date.now() / DAY_MS + offset) * DAY_MS).toISOString()),
    );
    await client.query(
      `create table ${table}_day${day + 2} partition of ${table} for values from (${from}) to (${to})`,
    );
  }
}

async function dashboard(): Promise<Dashboard> {
  const env = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };
  const started = await startDashboard(server.url, env);
  dashboards.push(started);
  return started;
}

async function nothingLost(at: Scene): Promise<void> {
  await at.agree();
  expect([at.live, at.resuming, at.absent, ...at.guests].flatMap(({ gaps }) => gaps)).toEqual([]);
  expect(at.resuming.cuts).toBeGreaterThan(0);
}

describe(`the feed of partitioned tables (seed ${SEED})`, () => {
  it('F4 F5 F6 keeps every row, young or old, for those who are cut and those who were away', async () => {
    await withSeed(SEED, FILE, async () => {
      const { feedUrl } = await dashboard();
      scene = await Scene.start({ config: server.config, feedUrl: () => feedUrl, seed: SEED });
      scene.leave();
      await scene.writers.more(200);
      scene.comeBack();
      await scene.writers.more(50);
      await nothingLost(scene);
      const { ways } = scene.live.recording('anomalies');
      expect(Math.min(ways.notify, ways.tick)).toBeGreaterThan(0);
    });
  });

  it('F6 goes on exactly at another server, from the tables', async () => {
    await withSeed(SEED, FILE, async () => {
      const [first, second] = [await dashboard(), await dashboard()];
      let turn = 0;
      const url = (): string => (turn++ % 2 === 0 ? first : second).feedUrl;
      const cuts = Array.from({ length: 12 }, (_, index) => ({ at: 'delta' as const, nth: 1 + ((5 * index) % 17) }));
      scene = await Scene.start({
        config: server.config,
        feedUrl: () => first.feedUrl,
        seed: SEED,
        guests: [{ url, streams: STREAM_NAMES, away: async () => scene?.writers.more(10) }],
      });
      const [wandering] = scene.guests;
      wandering?.cutAt(cuts);
      await vi.waitFor(() => {
        wandering?.check();
        expect(wandering?.planned).toBe(0);
      }, 20_000);
      await nothingLost(scene);
    });
  });

  it('F4 F6 keeps every row over crashes of the database server', async () => {
    await withSeed(SEED, FILE, async () => {
      const { feedUrl } = await dashboard();
      scene = await Scene.start({ config: server.config, feedUrl: () => feedUrl, seed: SEED });
      for (let crash = 0; crash < 2; crash += 1) {
        scene.leave();
        await scene.writers.more(40);
        await server.stop('immediate');
        await server.start();
        await scene.writers.more(40);
        scene.comeBack();
        await scene.everybodyLive();
      }
      await nothingLost(scene);
    });
  });
});
