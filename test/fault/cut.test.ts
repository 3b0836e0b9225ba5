/** A client that is cut right after a frame, whichever it was, and comes back: nothing is missing and nothing is there twice. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene } from '../support/fault-scene.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';
import type { Cut, FrameKind, Recorder } from '../support/recorder.ts';

const FILE = 'test/fault/cut.test.ts';
const [SEED = 1] = seeds(1);

let database: TestDatabase;
let other: TestDatabase;
let dashboard: Dashboard;
let scene: Scene;

beforeAll(async () => {
  [database, other] = await Promise.all([freshDatabase({ migrated: true }), freshDatabase({ migrated: true })]);
});

beforeEach(async () => {
  // Ticks and heartbeats come often, so that cuts meet them.
  dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.2' });
});

afterEach(async () => {
  await scene?.stop();
  await dashboard?.stop();
});

afterAll(async () => {
  await Promise.all([database?.drop(), other?.drop()]);
});

/** Frames of a kind that a connection which subscribes to every stream surely has. */
const MOST: Readonly<Partial<Record<FrameKind, number>>> = {
  hello: 1,
  subscribed: STREAM_NAMES.length,
  synced: STREAM_NAMES.length,
  snapshot: 8,
  delta: 12,
  replay: 3,
  heartbeat: 2,
  gap: STREAM_NAMES.length,
};

/** Cuts at each place that a kind of frame can have, and some more at places that the seed chooses. */
function cutsAt(at: FrameKind): Cut[] {
  const random = seeded(SEED);
  const most = MOST[at] ?? 1;
  const places = [1, most, ...Array.from({ length: 4 }, () => 1 + Math.floor(most * random()))];
  return places.map((nth) => ({ at, nth }));
}

/** Cursors of another database on the same server. */
async function foreignCursors(): Promise<ReadonlyMap<StreamName, string>> {
  const elsewhere = await startDashboard(other.url);
  const feed = await FeedSocket.open(elsewhere.feedUrl);
  for (const stream of STREAM_NAMES) await feed.subscribe({ id: stream, stream });
  await feed.close();
  await elsewhere.stop();
  return new Map(
    feed.of('synced').map(({ id, cursor }) => [STREAM_NAMES.find((name) => name === id) ?? 'anomalies', cursor]),
  );
}

/** Begins with a guest who is live, and cuts it at frames of a kind while the writers write. */
async function cutGuest(
  kind: FrameKind,
  range: string | null,
  prepare: (guest: Recorder) => void = () => undefined,
): Promise<Recorder> {
  const away = async (): Promise<void> => {
    // There has to be something to replay, where the next cut is to be in the middle of it.
    await scene.writers.more(kind === 'replay' ? 30 : 4);
    for (const one of scene.guests) prepare(one);
  };
  scene = await Scene.start({
    config: database.config,
    feedUrl: () => dashboard.feedUrl,
    seed: SEED,
    guests: [{ url: () => dashboard.feedUrl, streams: STREAM_NAMES, range, away }],
  });
  const [guest] = scene.guests;
  if (guest === undefined) throw new Error('there is no guest');
  guest.cutAt(cutsAt(kind));
  await vi.waitFor(() => {
    guest.check();
    expect(guest.planned).toBe(0);
  }, 20_000);
  await scene.agree();
  return guest;
}

describe(`a client that is cut (seed ${SEED})`, () => {
  it.each(['hello', 'subscribed', 'synced', 'delta', 'replay', 'heartbeat'] as const)(
    'F4 F6 right after a frame of kind %s has every row once, without asking for history',
    async (kind) => {
      await withSeed(SEED, FILE, async () => {
        const guest = await cutGuest(kind, null);
        expect(guest.gaps).toEqual([]);
      });
    },
  );

  it.each(['subscribed', 'synced', 'delta', 'replay'] as const)(
    'F2 F6 right after a frame of kind %s has every row once, with the history that it asked for',
    async (kind) => {
      await withSeed(SEED, FILE, async () => {
        const guest = await cutGuest(kind, '7d');
        expect(guest.gaps).toEqual([]);
      });
    },
  );

  it.each(['snapshot', 'gap'] as const)(
    'F2 F6 right after a frame of kind %s, with the cursor of another database, has what is in this one',
    async (kind) => {
      await withSeed(SEED, FILE, async () => {
        const cursors = await foreignCursors();
        const guest = await cutGuest(kind, '7d', (recorder) => {
          for (const [stream, cursor] of cursors) recorder.recording(stream).goOnFrom(cursor);
        });
        expect(new Set(guest.gaps)).toEqual(new Set(['epoch_changed']));
      });
    },
  );
});
