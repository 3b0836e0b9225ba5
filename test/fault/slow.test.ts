/** Subscribers that stop reading: what they miss is made good, what cannot be is said, and nobody else notices. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';
import type { Recorder } from '../support/recorder.ts';
import { writeBurst } from '../support/writers.ts';

const FILE = 'test/fault/slow.test.ts';
const [SEED = 1] = seeds(1);
/** Rows of a burst that everybody must take who reads (F7). */
const WHOLE_BURST = 20_000;
/** Rows of a burst that is far more than may be under way to a client: about 800 kB of frames. */
const BURST = 5000;

const metrics = z.object({
  counters: z.record(z.string(), z.number()),
  feed: z.object({
    unacknowledged_bytes_most: z.number(),
    logs: z.object({ anomalies: z.object({ bytes: z.number() }) }),
  }),
});
/** What a client may have under way, and the frame that goes beyond it (F7). */
const MOST_UNDER_WAY = 262_144 + 262_144;

let database: TestDatabase;
let dashboard: Dashboard;
let scene: Scene;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
});

afterEach(async () => {
  await scene?.stop();
  await dashboard?.stop();
});

afterAll(async () => {
  await database?.drop();
});

/** Begins with two guests who will stop reading: one records, the other shows a chart. */
async function begin(
  settings: Readonly<Record<string, string>> = {},
): Promise<{ recorder: Recorder; chart: Recorder }> {
  const usual = { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' };
  dashboard = await startDashboard(database.url, { ...usual, ...settings });
  const guest = { url: () => dashboard.feedUrl, streams: STREAM_NAMES };
  scene = await Scene.start({
    config: database.config,
    feedUrl: guest.url,
    seed: SEED,
    guests: [guest, { ...guest, range: '7d' }],
  });
  const [recorder, chart] = scene.guests;
  if (recorder === undefined || chart === undefined) throw new Error('the guests have not come');
  return { recorder, chart };
}

const burst = (rows = BURST): Promise<void> => withClient(database.config, (client) => writeBurst(client, rows));

async function measured(): Promise<z.infer<typeof metrics>> {
  const answer = await fetch(`${dashboard.url}/api/metrics`);
  return metrics.parse(await answer.json());
}

/** A total that the server has counted. */
async function counted(name: string): Promise<number> {
  const { counters } = await measured();
  return counters[name] ?? 0;
}

/** Whoever reads notices nothing of those who do not. */
async function nobodyElseNoticed(): Promise<void> {
  await scene.agree();
  expect(scene.writers.failures).toEqual([]);
  expect(scene.live.connections).toBe(1);
  expect([...scene.live.gaps, ...scene.resuming.gaps, ...scene.absent.gaps]).toEqual([]);
}

describe(`subscribers that stop reading (seed ${SEED})`, () => {
  it('F7 a burst reaches who reads at once whole, without a gap', async () => {
    await withSeed(SEED, FILE, async () => {
      const { recorder, chart } = await begin();
      await burst(WHOLE_BURST);
      await nobodyElseNoticed();
      expect([recorder, chart].map(({ connections }) => connections)).toEqual([1, 1]);
      expect([...recorder.gaps, ...chart.gaps]).toEqual([]);
    });
  });

  it('F7 for seconds: a recorder is fed on from its own place, a chart is told of the gap and begins anew', async () => {
    await withSeed(SEED, FILE, async () => {
      const { recorder, chart } = await begin();
      for (const guest of [recorder, chart]) guest.pause();
      await burst();
      await vi.waitFor(async () => expect(await counted('gaps_total')).toBeGreaterThan(0), 15_000);
      await scene.writers.more(60);
      const { feed } = await measured();
      expect(feed.unacknowledged_bytes_most).toBeLessThan(MOST_UNDER_WAY);
      for (const guest of [recorder, chart]) guest.resume();
      await nobodyElseNoticed();
      expect([recorder, chart].map(({ connections }) => connections)).toEqual([1, 1]);
      expect(recorder.gaps).toEqual([]);
      expect(new Set(chart.gaps)).toEqual(new Set(['slow_consumer']));
    });
  });

  it('F6 F7 F12 past the deadline: closed with 4408, and made good from their cursors', async () => {
    await withSeed(SEED, FILE, async () => {
      const { recorder, chart } = await begin();
      for (const guest of [recorder, chart]) guest.pause();
      await burst();
      await vi.waitFor(async () => expect(await counted('slow_consumers_closed_total')).toBe(2), 20_000);
      await scene.writers.more(30);
      for (const guest of [recorder, chart]) guest.resume();
      await vi.waitFor(() => expect([recorder.closes, chart.closes]).toEqual([[4408], [4408]]), 15_000);
      await nobodyElseNoticed();
      expect(recorder.gaps).toEqual([]);
    });
  });

  it('F7 so long that the memory of the server has gone on: a recorder is fed from the tables', async () => {
    await withSeed(SEED, FILE, async () => {
      const most = 200_000;
      const { recorder, chart } = await begin({ DASHBOARD_MAX_REPLAY_BYTES: String(most) });
      for (const guest of [recorder, chart]) guest.pause();
      await burst();
      await burst();
      await vi.waitFor(async () => expect(await counted('gaps_total')).toBeGreaterThan(0), 15_000);
      const { feed } = await measured();
      expect(feed.logs.anomalies.bytes).toBeLessThanOrEqual(most);
      for (const guest of [recorder, chart]) guest.resume();
      await nobodyElseNoticed();
      expect(recorder.gaps).toEqual([]);
      expect(recorder.recording('anomalies').resumes).toBeGreaterThan(0);
    });
  });
});
