/** The client's feed machine, transition by transition. */
import { describe, expect, test } from 'vitest';
import { ABSENCE_MOST_MS, HELLO_MS, PROBE_MS } from '../../client/feed/transitions.ts';
import { BACKOFF_LEAST_MS, BACKOFF_MOST_MS, backoff } from '../../shared/backoff.ts';
import { FeedWorld, liveWorld, settle, WANT } from '../support/client-feed-model.ts';
import { HEARTBEAT_MS } from '../support/client-feed-server.ts';

const middle = (): number => 0.5;

/** The number of the socket in use. */
function socketOf(world: FeedWorld): number {
  const { session } = world.server;
  if (session === null) throw new Error('there is no connection');
  return session.socket;
}

describe('the connection', () => {
  test('F1 something else than hello first is no feed', () => {
    const world = new FeedWorld(middle, [WANT]);
    world.tell({ type: 'frame', socket: socketOf(world), text: '{"type":"pong","time":1}' });
    expect(world.feed.state.name).toBe('offline');
    expect(world.feed.counts.malformed).toBe(1);
  });

  test('F1 F16 a hello within a bundle is no feed', () => {
    const world = new FeedWorld(middle, [WANT]);
    world.tell({ type: 'opened', socket: socketOf(world) });
    world.server.greet();
    const [hello] = world.server.session?.toClient ?? [];
    const text = `{"type":"bundle","frames":[${hello},{"type":"pong","time":1}]}`;
    world.tell({ type: 'frame', socket: socketOf(world), text });
    expect(world.feed.state.name).toBe('offline');
    expect(world.feed.counts.malformed).toBe(1);
  });

  test('F16 what is no frame ends the connection within a bundle too', () => {
    for (const foreign of ['{"type":"pong"}', '{"type":"bundle","frames":[]}', '7']) {
      const world = liveWorld();
      const text = `{"type":"bundle","frames":[{"type":"pong","time":1},${foreign}]}`;
      world.tell({ type: 'frame', socket: socketOf(world), text });
      expect(world.feed.state.name).toBe('offline');
      expect(world.feed.counts.malformed).toBe(1);
    }
  });

  test('F16 rows of a bundle come in one go', () => {
    const world = liveWorld();
    for (let row = 0; row < 5; row += 1) world.commit('funding_rates', 'BTC/USDT', 1);
    const before = world.ids('funding_rates', 'BTC/USDT').length;
    expect(world.deliver(5)).toBe(true);
    expect(world.ids('funding_rates', 'BTC/USDT')).toHaveLength(before + 5);
    expect(world.feed.state.name).toBe('live');
  });

  test('a socket that never says hello is given up', () => {
    const world = new FeedWorld(middle, [WANT]);
    world.advance(HELLO_MS - 1);
    expect(world.feed.state.name).toBe('connecting');
    world.advance(1);
    expect(world.feed.state.name).toBe('offline');
  });

  test('F13 two silent heartbeats are shown, three end the connection', () => {
    const world = liveWorld();
    world.advance(2 * HEARTBEAT_MS - 1);
    expect(world.feed.state.name).toBe('live');
    world.advance(1);
    expect(world.feed.state).toMatchObject({ name: 'stale', cause: 'silent' });
    world.advance(HEARTBEAT_MS - 1);
    expect(world.feed.state.name).toBe('stale');
    world.advance(1);
    expect(world.feed.state.name).toBe('offline');
  });

  test('F13 any frame ends the silence', () => {
    const world = liveWorld();
    world.advance(2 * HEARTBEAT_MS);
    world.commit('funding_rates', 'BTC/USDT', 1);
    settle(world);
    expect(world.feed.state.name).toBe('live');
  });

  test('a page that is shown again asks a quiet connection, and gives a dead one up without waiting for the watchdog', () => {
    const world = liveWorld();
    world.advance(HEARTBEAT_MS + 1);
    world.tell({ type: 'visible' });
    expect(world.server.serve()).toBe(true);
    settle(world);
    world.advance(PROBE_MS);
    expect(world.feed.state.name).toBe('live');

    world.advance(HEARTBEAT_MS + 1 - PROBE_MS);
    world.cut(false);
    world.tell({ type: 'visible' });
    world.advance(PROBE_MS);
    expect(world.feed.state.name).toBe('offline');
  });

  test('connected is not live while the database is away', () => {
    const world = liveWorld();
    world.server.database = 'down';
    world.server.heartbeat();
    settle(world);
    expect(world.feed.state).toMatchObject({ name: 'stale', cause: 'database' });
    world.server.database = 'up';
    world.server.heartbeat();
    settle(world);
    expect(world.feed.state.name).toBe('live');
  });

  test.each([null, 'online', 'visible'] as const)(
    'F12 F14 a server that says good-bye is left alone for as long as it asks, and a little longer, also at %s',
    (type) => {
      const world = liveWorld();
      world.restart(1000);
      if (type !== null) world.tell({ type });
      const { state } = world.feed;
      if (state.name !== 'offline' || state.retryAt === null) throw new Error(`expected a retry, got ${state.name}`);
      expect(state.retryAt - world.now).toBeGreaterThanOrEqual(1000 + BACKOFF_LEAST_MS);
      expect(state.refusal).toBeNull();
      world.advance(1000);
      expect(world.feed.state.name).toBe('offline');
      if (type === null) world.advance(500);
      else world.tell({ type });
      expect(world.feed.state.name).toBe('connecting');
    },
  );

  test('F12 nobody is sent away for good', () => {
    const world = liveWorld();
    world.restart(1e12);
    world.advance(ABSENCE_MOST_MS + BACKOFF_MOST_MS);
    expect(world.feed.state.name).toBe('connecting');
  });

  test('a clock that is set back puts nothing off', () => {
    const world = liveWorld();
    world.cut(true);
    world.server.now -= 3_600_000;
    world.tell({ type: 'tick' });
    world.advance(1000);
    expect(world.feed.state.name).toBe('connecting');
    settle(world);
    expect(world.feed.state.name).toBe('live');
    world.server.now -= 3_600_000;
    world.tell({ type: 'tick' });
    world.advance(3 * HEARTBEAT_MS);
    expect(world.feed.state.name).toBe('offline');
  });

  test.each([4401, 4403, 4426])('F12 close code %i is kept for the visitor and tried again slowly', (code) => {
    const world = new FeedWorld(() => 0.999, [WANT]);
    world.cut(true, code);
    const { state } = world.feed;
    if (state.name !== 'offline' || state.retryAt === null) throw new Error(`expected a retry, got ${state.name}`);
    expect(state.refusal).toBe(code);
    expect(state.retryAt - world.now).toBeGreaterThan(9000);
    expect(world.reloads).toBe(code === 4426 ? 1 : 0);
  });
});

describe('F14 the back-off', () => {
  test('is uniform between a quarter of a second and a ceiling that doubles up to ten seconds', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 40].map((attempt) => backoff(attempt, () => 1))).toEqual([
      500,
      1000,
      2000,
      4000,
      8000,
      BACKOFF_MOST_MS,
      BACKOFF_MOST_MS,
      BACKOFF_MOST_MS,
    ]);
    expect(backoff(3, () => 0)).toBe(BACKOFF_LEAST_MS);
  });

  /** How long the world waits after failing once more. */
  function waitAfterFailure(world: FeedWorld): number {
    world.cut(true);
    const { state } = world.feed;
    if (state.name !== 'offline' || state.retryAt === null) throw new Error(`expected a retry, got ${state.name}`);
    const wait = state.retryAt - world.now;
    world.advance(wait);
    expect(world.feed.state.name).toBe('connecting');
    return wait;
  }

  test('grows while nothing lasts', () => {
    const world = new FeedWorld(() => 1, [WANT]);
    expect([1, 2, 3, 4].map(() => waitAfterFailure(world))).toEqual([500, 1000, 2000, 4000]);
  });

  test.each(['online', 'visible'] as const)('begins anew at %s', (type) => {
    const world = new FeedWorld(() => 1, [WANT]);
    for (let count = 0; count < 4; count += 1) waitAfterFailure(world);
    world.tell({ type });
    expect(waitAfterFailure(world)).toBe(500);
  });

  test('begins anew after a connection that lasted, not after one that did not', () => {
    const world = new FeedWorld(() => 1, [WANT]);
    for (let count = 0; count < 3; count += 1) waitAfterFailure(world);
    settle(world);
    expect(waitAfterFailure(world)).toBe(4000);
    settle(world);
    for (let second = 0; second < 10; second += 1) {
      world.advance(1000);
      world.server.heartbeat();
      settle(world);
    }
    expect(waitAfterFailure(world)).toBe(500);
  });

  test('a server with another build has the page reloaded, once', () => {
    const world = liveWorld();
    world.server.build = 'build-2';
    for (let count = 0; count < 3; count += 1) {
      world.cut(true);
      world.advance(BACKOFF_MOST_MS);
      settle(world);
    }
    expect(world.feed.state.name).toBe('live');
    expect(world.reloads).toBe(1);
  });
});
