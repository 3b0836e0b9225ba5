/** The client's feed machine, transition by transition. */
import { describe, expect, test } from 'vitest';
import { HELLO_MS, PROBE_MS } from '../../client/feed/transitions.ts';
import type { EventName, StateName } from '../../client/feed/types.ts';
import { Feed, type FeedEvent } from '../../client/feed.ts';
import { BACKOFF_LEAST_MS, BACKOFF_MOST_MS, backoff } from '../../shared/backoff.ts';
import { FeedWorld, HEARTBEAT_MS, liveWorld, settle, WANT } from '../support/client-feed-model.ts';

const middle = (): number => 0.5;

/** The number of the socket in use. */
function socketOf(world: FeedWorld): number {
  const { session } = world;
  if (session === null) throw new Error('there is no connection');
  return session.socket;
}

const REACH: { readonly [S in StateName]: () => FeedWorld } = {
  offline: () => {
    const world = liveWorld();
    world.cut(true);
    return world;
  },
  connecting: () => new FeedWorld(middle, [WANT]),
  syncing: () => {
    const world = new FeedWorld(middle, [WANT]);
    world.deliver();
    return world;
  },
  live: () => liveWorld(),
  stale: () => {
    const world = liveWorld();
    world.database = 'down';
    world.heartbeat();
    settle(world);
    return world;
  },
};

/** The event as it happens to a world; `closed` and `frame` come from the socket in use, or else from an old one. */
const EVENTS: { readonly [E in EventName]: (world: FeedWorld) => FeedEvent } = {
  start: () => ({ type: 'start' }),
  stop: () => ({ type: 'stop' }),
  want: () => ({ type: 'want', want: { ...WANT, keys: ['ETH/USDT'] } }),
  opened: (world) => ({ type: 'opened', socket: world.session?.socket ?? 0 }),
  closed: (world) => ({ type: 'closed', socket: world.session?.socket ?? 0, code: 1006 }),
  frame: (world) => ({ type: 'frame', socket: world.session?.socket ?? 0, text: 'no frame' }),
  tick: () => ({ type: 'tick' }),
  online: () => ({ type: 'online' }),
  visible: () => ({ type: 'visible' }),
};

/** The state after each event in each state; a `frame` is one that is none. */
const AFTER: { readonly [S in StateName]: { readonly [E in EventName]: StateName } } = {
  offline: {
    start: 'connecting',
    stop: 'offline',
    want: 'offline',
    opened: 'offline',
    closed: 'offline',
    frame: 'offline',
    tick: 'offline',
    online: 'connecting',
    visible: 'connecting',
  },
  connecting: {
    start: 'connecting',
    stop: 'offline',
    want: 'connecting',
    opened: 'connecting',
    closed: 'offline',
    frame: 'offline',
    tick: 'connecting',
    online: 'connecting',
    visible: 'connecting',
  },
  syncing: {
    start: 'syncing',
    stop: 'offline',
    want: 'syncing',
    opened: 'syncing',
    closed: 'offline',
    frame: 'offline',
    tick: 'syncing',
    online: 'syncing',
    visible: 'syncing',
  },
  live: {
    start: 'live',
    stop: 'offline',
    want: 'syncing',
    opened: 'live',
    closed: 'offline',
    frame: 'offline',
    tick: 'live',
    online: 'live',
    visible: 'live',
  },
  stale: {
    start: 'stale',
    stop: 'offline',
    want: 'stale',
    opened: 'stale',
    closed: 'offline',
    frame: 'offline',
    tick: 'stale',
    online: 'stale',
    visible: 'stale',
  },
};

const STATES = ['offline', 'connecting', 'syncing', 'live', 'stale'] as const satisfies readonly StateName[];
const NAMES = [
  'start',
  'stop',
  'want',
  'opened',
  'closed',
  'frame',
  'tick',
  'online',
  'visible',
] as const satisfies readonly EventName[];

describe('every state at every event', () => {
  test.each(STATES.flatMap((state) => NAMES.map((event) => ({ state, event, after: AFTER[state][event] }))))(
    '$state at $event becomes $after',
    ({ state, event, after }) => {
      const world = REACH[state]();
      expect(world.feed.state.name).toBe(state);
      world.tell(EVENTS[event](world));
      expect(world.feed.state.name).toBe(after);
    },
  );

  test.each(STATES)('%s does not hear a socket that was given up', (name) => {
    const world = REACH[name]();
    const { state } = world.feed;
    for (const text of [
      'no frame',
      '{"type":"heartbeat","time":1,"database":"down","doorbell":"up","freshness":{}}',
      null,
    ]) {
      world.tell({ type: 'frame', socket: 99, text });
    }
    world.tell({ type: 'closed', socket: 99, code: 4401 });
    expect(world.feed.state).toEqual(state);
    expect(world.feed.counts.malformed).toBe(0);
  });

  test('a feed that was never started stays where it is', () => {
    const feed = new Feed(middle, null);
    for (const event of ['tick', 'online', 'visible', 'stop'] as const)
      expect(feed.handle({ type: event }, 0)).toEqual([]);
    expect(feed.state.name).toBe('offline');
  });
});

describe('the connection', () => {
  test('F1 something else than hello first is no feed', () => {
    const world = new FeedWorld(middle, [WANT]);
    world.tell({ type: 'frame', socket: socketOf(world), text: '{"type":"pong","time":1}' });
    expect(world.feed.state.name).toBe('offline');
    expect(world.feed.counts.malformed).toBe(1);
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
    expect(world.serve()).toBe(true);
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
    const world = REACH.stale();
    expect(world.feed.state).toMatchObject({ name: 'stale', cause: 'database' });
    world.database = 'up';
    world.heartbeat();
    settle(world);
    expect(world.feed.state.name).toBe('live');
  });

  test('F12 a server that says good-bye is left alone for as long as it asks', () => {
    const world = liveWorld();
    world.restart();
    const { state } = world.feed;
    if (state.name !== 'offline' || state.retryAt === null) throw new Error(`expected a retry, got ${state.name}`);
    expect(state.retryAt - world.now).toBeGreaterThanOrEqual(1000 + BACKOFF_LEAST_MS);
    expect(state.refusal).toBeNull();
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
      world.heartbeat();
      settle(world);
    }
    expect(waitAfterFailure(world)).toBe(500);
  });

  test('a server with another build has the page reloaded, once', () => {
    const world = liveWorld();
    world.build = 'build-2';
    for (let count = 0; count < 3; count += 1) {
      world.cut(true);
      world.advance(BACKOFF_MOST_MS);
      settle(world);
    }
    expect(world.feed.state.name).toBe('live');
    expect(world.reloads).toBe(1);
  });
});
