/** The client's feed machine: its state after every event in every state, and after every frame. */
import { describe, expect, test } from 'vitest';
import type { EventName, StateName } from '../../client/feed/types.ts';
import { Feed, type FeedEvent } from '../../client/feed.ts';
import { type Frame, type ServerFrame, serverFrame } from '../../shared/protocol.ts';
import { FeedWorld, liveWorld, settle, WANT } from '../support/client-feed-model.ts';
import { HEARTBEAT_MS } from '../support/client-feed-server.ts';

const middle = (): number => 0.5;

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
    world.server.database = 'down';
    world.server.heartbeat();
    settle(world);
    return world;
  },
};

/** The event as it happens to a world; `closed` and `frame` come from the socket in use, or else from an old one. */
const EVENTS: { readonly [E in EventName]: (world: FeedWorld) => FeedEvent } = {
  start: () => ({ type: 'start' }),
  stop: () => ({ type: 'stop' }),
  want: () => ({ type: 'want', want: { ...WANT, keys: ['ETH/USDT'] } }),
  resync: () => ({ type: 'resync', stream: WANT.stream }),
  opened: (world) => ({ type: 'opened', socket: world.server.session?.socket ?? 0 }),
  closed: (world) => ({ type: 'closed', socket: world.server.session?.socket ?? 0, code: 1006 }),
  frame: (world) => ({ type: 'frame', socket: world.server.session?.socket ?? 0, text: 'no frame' }),
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
    resync: 'offline',
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
    resync: 'connecting',
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
    resync: 'syncing',
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
    resync: 'syncing',
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
    resync: 'stale',
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

/** A frame of each type, for the only subscription where it names one. */
const FRAMES: { readonly [T in ServerFrame['type']]: Frame<T> } = {
  hello: {
    type: 'hello',
    protocol: 1,
    version: '1',
    build: 'build-1',
    epoch: 'e',
    time: 1,
    heartbeat_ms: HEARTBEAT_MS,
    tick_ms: 10_000,
    demo: false,
    streams: [],
  },
  subscribed: {
    type: 'subscribed',
    id: 'funding_rates.1',
    stream: 'funding_rates',
    keys: null,
    cursor: 'c',
    resumed: false,
  },
  snapshot: {
    type: 'snapshot',
    id: 'funding_rates.1',
    stream: 'funding_rates',
    key: 'BTC/USDT',
    cursor: 'c',
    from: null,
    to: null,
    reduced: false,
    bucket_ms: null,
    rows_total: 0,
    series: [],
  },
  synced: { type: 'synced', id: 'funding_rates.1', cursor: 'c' },
  delta: {
    type: 'delta',
    stream: 'funding_rates',
    key: 'BTC/USDT',
    prev: 'not its head',
    cursor: 'c',
    time: 1,
    via: 'notify',
    rows: [],
  },
  gap: {
    type: 'gap',
    id: 'funding_rates.1',
    stream: 'funding_rates',
    key: null,
    cursor: 'c',
    reason: 'slow_consumer',
  },
  unsubscribed: { type: 'unsubscribed', id: 'funding_rates.1' },
  heartbeat: { type: 'heartbeat', time: 1, database: 'up', doorbell: 'up', freshness: {} },
  pong: { type: 'pong', time: 1 },
  error: { type: 'error', id: 'funding_rates.1', code: 'unavailable', message: 'off' },
  bye: { type: 'bye', reason: 'restart', retry_after_ms: 1000 },
};

type AfterFrame = { readonly [T in ServerFrame['type']]: StateName };
const always = (state: StateName): AfterFrame => ({
  hello: state,
  subscribed: state,
  snapshot: state,
  synced: state,
  delta: state,
  gap: state,
  unsubscribed: state,
  heartbeat: state,
  pong: state,
  error: state,
  bye: state,
});

/** The state after each frame in each state. */
const AFTER_FRAME: { readonly [S in StateName]: AfterFrame } = {
  offline: always('offline'),
  connecting: { ...always('offline'), hello: 'syncing' },
  // A second hello is no frame of a connection that stands; a stream that is off leaves nothing to show.
  syncing: { ...always('syncing'), hello: 'offline', error: 'stale' },
  live: {
    ...always('live'),
    hello: 'offline',
    subscribed: 'syncing',
    delta: 'syncing',
    gap: 'syncing',
    error: 'stale',
  },
  stale: { ...always('stale'), hello: 'offline', heartbeat: 'live' },
};

const FRAME_NAMES = serverFrame.def.options.flatMap((option) => option.shape.type.def.values);

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

  test.each(
    STATES.flatMap((state) => FRAME_NAMES.map((frame) => ({ state, frame, after: AFTER_FRAME[state][frame] }))),
  )('$state at a frame $frame becomes $after', ({ state, frame, after }) => {
    const world = REACH[state]();
    const socket = world.server.session?.socket ?? 0;
    world.tell({ type: 'frame', socket, text: JSON.stringify(FRAMES[frame]) });
    expect(world.feed.state.name).toBe(after);
  });

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
