/** The server of the feed itself goes: killed on the spot, replaced by another, or one of several on the same database. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, startProgram, stopProgram } from '../support/program.ts';
import { seeds, withSeed } from '../support/random.ts';
import { writeBurst } from '../support/writers.ts';

const FILE = 'test/fault/product.test.ts';
const [SEED = 1] = seeds(1);
const SETTINGS = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };

let database: TestDatabase;
let scene: Scene | null = null;
let program: Program | undefined;
const dashboards: Dashboard[] = [];

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
});

afterEach(async () => {
  await scene?.stop();
  scene = null;
  await stopProgram(program);
  program = undefined;
  for (const dashboard of dashboards.splice(0)) await dashboard.stop();
});

afterAll(async () => {
  await database?.drop();
});

async function replica(): Promise<Dashboard> {
  const dashboard = await startDashboard(database.url, SETTINGS);
  dashboards.push(dashboard);
  return dashboard;
}

/** Starts the program as a process of its own, on a port where it is given. Returns its address. */
async function serve(port = '0'): Promise<URL> {
  const env = { DATABASE_URL: database.url, DB_SSLMODE: 'disable', DASHBOARD_PORT: port, ...SETTINGS };
  program = startProgram(['serve', '--no-demo'], env);
  return new URL(await program.ready());
}

/** What holds for a recorder that lost its server: it was told of no gap, for there was none. */
async function nothingLost(at: Scene): Promise<void> {
  await at.agree();
  expect([...at.live.gaps, ...at.resuming.gaps, ...at.absent.gaps]).toEqual([]);
}

function expectResumed({ live }: Scene): void {
  for (const stream of STREAM_NAMES) expect(live.recording(stream).resumes, stream).toBeGreaterThan(0);
}

describe(`the feed over the end of its server (seed ${SEED})`, () => {
  it('F4 F6 keeps every row while the server is killed and begun again on the same port', async () => {
    await withSeed(SEED, FILE, async () => {
      const address = await serve();
      const feedUrl = `ws://${address.host}/feed`;
      scene = await Scene.start({ config: database.config, feedUrl: () => feedUrl, seed: SEED });
      for (let kill = 0; kill < 2; kill += 1) {
        await scene.everybodyLive();
        program?.signal('SIGKILL');
        expect(await program?.ended).toBe('SIGKILL');
        await scene.writers.more(60);
        await serve(address.port);
        await scene.writers.more(30);
      }
      await scene.everybodyLive();
      expect(scene.live.connections).toBeGreaterThanOrEqual(3);
      await nothingLost(scene);
      expectResumed(scene);
    });
  });

  it('F6 F12 any server on the database goes on from the cursors of another', async () => {
    await withSeed(SEED, FILE, async () => {
      const first = await replica();
      const second = await replica();
      let current = first;
      let turn = 0;
      scene = await Scene.start({ config: database.config, feedUrl: () => current.feedUrl, seed: SEED });
      const wandering = scene.record({
        url: () => (turn++ % 2 === 0 ? second : current).feedUrl,
        streams: STREAM_NAMES,
        range: '7d',
        cuts: [1, 2, 3, 4].map((nth) => ({ at: 'delta', nth: 5 * nth })),
      });
      await scene.everybodyLive();
      scene.leave();
      await scene.writers.more(60);
      // Everybody who was with the first is told good-bye, and goes to the other one.
      current = second;
      const { live } = scene;
      await first.stop();
      expect(live.count('bye')).toBe(1);
      expect(live.closes).toEqual([1001]);
      scene.comeBack();
      await scene.writers.more(60);
      await scene.everybodyLive();
      await vi.waitFor(() => expect(wandering.cuts).toBe(4), 15_000);
      await nothingLost(scene);
      expectResumed(scene);
      expect(wandering.gaps).toEqual([]);
    });
  });

  it('F6 goes on at another server in the middle of one statement of many batches', async () => {
    await withSeed(SEED, FILE, async () => {
      const replicas = [await replica(), await replica(), await replica()];
      let turn = 0;
      scene = await Scene.start({
        config: database.config,
        feedUrl: () => replicas[0]?.feedUrl ?? '',
        seed: SEED,
        guests: [{ url: () => replicas[turn++ % replicas.length]?.feedUrl ?? '', streams: STREAM_NAMES }],
      });
      const [wandering] = scene.guests;
      for (let statement = 0; statement < 6; statement += 1) {
        await vi.waitFor(() => expect(wandering?.live).toBe(true), 15_000);
        const cuts = wandering?.cuts ?? 0;
        wandering?.planCuts([{ at: 'burst', nth: 1 + statement }]);
        await withClient(database.config, (client) => writeBurst(client, 4000));
        await vi.waitFor(() => {
          wandering?.check();
          expect(wandering?.cuts).toBe(cuts + 1);
        }, 15_000);
      }
      await nothingLost(scene);
      expect(wandering?.gaps).toEqual([]);
    });
  });

  it('F6 a server that has just begun goes on from the cursors of one that is gone', async () => {
    await withSeed(SEED, FILE, async () => {
      let current = await replica();
      scene = await Scene.start({ config: database.config, feedUrl: () => current.feedUrl, seed: SEED });
      for (let change = 0; change < 3; change += 1) {
        const old = current;
        if (change === 0) scene.leave();
        await scene.writers.more(30);
        await old.stop();
        await scene.writers.more(30);
        current = await replica();
        await scene.everybodyLive();
      }
      // All that was written meanwhile is in no server's memory.
      scene.comeBack();
      await nothingLost(scene);
      expectResumed(scene);
    });
  });
});
