/** The network fails without a word: between the server and its database, and between a client and the server. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene } from '../support/fault-scene.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const FILE = 'test/fault/network.test.ts';
const [SEED = 1] = seeds(1);
/** How long the database is unreachable. */
const OUTAGE_MS = 10_000;

let database: TestDatabase;
/** Between the server and the database. */
let inner: TcpProxy;
/** Between a client and the server. */
let outer: TcpProxy;
let dashboard: Dashboard;
let scene: Scene;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  inner = await TcpProxy.start(database.config);
  const settings = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };
  dashboard = await startDashboard(inner.url(database.url), settings);
  outer = await TcpProxy.start({ host: '127.0.0.1', port: Number(new URL(dashboard.url).port) });
});

beforeEach(async () => {
  inner.pass();
  outer.pass();
  scene = await Scene.start({
    config: database.config,
    feedUrl: () => dashboard.feedUrl,
    seed: SEED,
    guests: [{ url: () => outer.url(dashboard.feedUrl), streams: STREAM_NAMES }],
  });
  return () => scene.stop();
});

afterAll(async () => {
  await outer?.stop();
  await dashboard?.stop();
  await inner?.stop();
  await database?.drop();
});

/** Server time of the newest heartbeat, in epoch ms; a clock that goes on while nothing else comes. */
const heartbeatAt = (): number => scene.live.heartbeat?.time ?? 0;

async function nothingLost(): Promise<void> {
  await scene.agree();
  expect(scene.writers.failures).toEqual([]);
  expect(scene.live.connections).toBe(1);
  const recorders = [scene.live, scene.resuming, scene.absent, ...scene.guests];
  expect(recorders.flatMap(({ gaps }) => gaps)).toEqual([]);
}

describe(`the feed over a network that swallows everything (seed ${SEED})`, () => {
  it('F4 F5 F6 F13 keeps every row while the database is behind a black hole for ten seconds, and says so', async () => {
    await withSeed(SEED, FILE, async () => {
      const from = heartbeatAt();
      inner.blackHole();
      const { live } = scene;
      await vi.waitFor(() => expect(live.heartbeat).toMatchObject({ database: 'down', doorbell: 'down' }), 15_000);
      await vi.waitFor(() => expect(heartbeatAt() - from).toBeGreaterThan(OUTAGE_MS), 2 * OUTAGE_MS);
      // Nothing tells the server that its connections are dead.
      inner.pass();
      await vi.waitFor(() => expect(live.heartbeat).toMatchObject({ database: 'up', doorbell: 'up' }), 15_000);
      await scene.everybodyLive();
      await nothingLost();
    });
  });

  it('F6 F13 a client behind a black hole is let go, and goes on from its cursor when it is back', async () => {
    await withSeed(SEED, FILE, async () => {
      const [client] = scene.guests;
      // One that had not connected yet would have nothing to lose.
      await vi.waitFor(() => expect(client?.live).toBe(true), 15_000);
      for (let outage = 0; outage < 2; outage += 1) {
        const before = outer.connections;
        outer.blackHole();
        await scene.writers.more(100);
        outer.pass();
        await vi.waitFor(() => expect(client?.connections).toBe(outage + 2), 15_000);
        await vi.waitFor(() => expect(client?.live).toBe(true), 15_000);
        expect(before).toBeGreaterThan(0);
      }
      await nothingLost();
    });
  });

  it('F4 F6 a client whose network stalls, and another whose connection is reset, miss nothing', async () => {
    await withSeed(SEED, FILE, async () => {
      const [client] = scene.guests;
      outer.freeze();
      await scene.writers.more(40);
      outer.thaw();
      await scene.writers.more(40);
      for (let reset = 0; reset < 3; reset += 1) {
        await vi.waitFor(() => expect(client?.live).toBe(true), 15_000);
        outer.cut();
        await scene.writers.more(30);
      }
      await nothingLost();
    });
  });
});
