/** What can go wrong inside a database that stays up: its listener killed, its doorbell gone, its queue full, a transaction left open. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';

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
  expect([...scene.live.gaps, ...scene.resuming.gaps]).toEqual([]);
  expect(scene.resuming.cuts).toBeGreaterThan(0);
}

describe('the feed over faults inside the database', () => {
  it('F4 F5 F6 keeps every row while the listening backend is killed again and again', async () => {
    await withSeed(SEED, FILE, async () => {
      for (let kill = 0; kill < 3; kill += 1) {
        await doorbell('up');
        const { rowCount } = await withClient(server.config, (client) =>
          client.query(
            `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'alphapulse-dashboard doorbell'`,
          ),
        );
        expect(rowCount).toBe(1);
        await scene.writers.more(60);
      }
      await doorbell('up');
      await nobodyNoticed();
    });
  });
});
