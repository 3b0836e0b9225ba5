/** Tables that may only be read: the weaker cursor under faults, with the same promise as long as its assumptions hold. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { StreamName } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { fieldSchema, type PrivateServer, startServer } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';

const FILE = 'test/fault/overlap.test.ts';
const [SEED = 1] = seeds(1);
/** The tables that the field has before the dashboard comes. */
const STREAMS: readonly StreamName[] = ['funding_rates', 'performance_metrics', 'signal_predictions'];

let server: PrivateServer;
let dashboard: Dashboard;
let scene: Scene | null = null;

beforeAll(async () => {
  server = await startServer({ settings: { synchronous_commit: 'on' } });
  await withClient(server.config, async (client) => {
    await fieldSchema(client);
    await client.query(`create role reader login password 'reader'`);
    await client.query('grant select on all tables in schema public to reader');
  });
  const url = new URL(server.url);
  url.username = 'reader';
  url.password = 'reader';
  dashboard = await startDashboard(url.href, { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' });
});

afterEach(async () => {
  await scene?.stop();
  scene = null;
});

afterAll(async () => {
  await dashboard?.stop();
  await server?.dispose();
});

async function start(): Promise<Scene> {
  scene = await Scene.start({
    config: server.config,
    feedUrl: () => dashboard.feedUrl,
    seed: SEED,
    streams: STREAMS,
  });
  return scene;
}

async function nothingLost(at: Scene): Promise<void> {
  await at.agree();
  expect(at.live.connections).toBe(1);
  expect([...at.live.gaps, ...at.resuming.gaps, ...at.absent.gaps]).toEqual([]);
  for (const stream of STREAMS) expect(at.live.recording(stream).ways.notify).toBe(0);
}

describe(`the feed of tables that may only be read (seed ${SEED})`, () => {
  it('F4 F5 F6 keeps every row by the tick, for those too who were away', async () => {
    await withSeed(SEED, FILE, async () => {
      const at = await start();
      at.leave();
      await at.writers.more(150);
      at.comeBack();
      await at.writers.more(100);
      expect(at.writers.failures).toEqual([]);
      await nothingLost(at);
    });
  });

  it('F4 F6 keeps every row while its connections to the database are killed', async () => {
    await withSeed(SEED, FILE, async () => {
      const at = await start();
      for (let kill = 0; kill < 4; kill += 1) {
        await withClient(server.config, (client) =>
          client.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'`),
        );
        await at.writers.more(50);
      }
      await nothingLost(at);
    });
  });

  it('F4 F6 keeps every row over crashes of the database server', async () => {
    await withSeed(SEED, FILE, async () => {
      const at = await start();
      at.leave();
      for (let crash = 0; crash < 2; crash += 1) {
        await at.writers.more(40);
        await server.stop('immediate');
        await vi.waitFor(() => expect(at.live.heartbeat?.database).toBe('down'), 15_000);
        await server.start();
        await at.writers.more(40);
      }
      at.comeBack();
      await nothingLost(at);
    });
  });
});
