/** The client's feed machine against a server that obeys the contract and a transport that is cut at any frame. */
import { describe, expect, test } from 'vitest';
import type { Want } from '../../client/feed.ts';
import type { StreamName } from '../../shared/streams.ts';
import { FeedWorld, HEARTBEAT_MS } from '../support/client-feed-model.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-feed-fuzz.test.ts';
const STEPS = 1000;
const STREAMS: readonly StreamName[] = ['funding_rates', 'anomalies', 'system_metrics'];
const KEYS = ['A', 'B', 'C'];

function wantOf(random: () => number, stream: StreamName): Want {
  const keys = stream === 'system_metrics' ? null : [pick(random, KEYS)];
  return { stream, keys, range: pick(random, ['1h', '24h']), points: pick(random, [600, 1200]) };
}

/** One random thing that happens. Frames move most often, so that connections get somewhere between two faults. */
function step(world: FeedWorld, random: () => number, loses: boolean): void {
  const stream = pick(random, STREAMS);
  const key = pick(random, KEYS);
  const actions: readonly (readonly [weight: number, act: () => void])[] = [
    [60, () => world.deliver()],
    [25, () => world.serve()],
    [25, () => world.pay()],
    [15, () => world.commit(stream, key, 1 + Math.floor(random() * 3))],
    [8, () => world.advance(random() * 300)],
    [4, () => world.heartbeat()],
    [1, () => world.advance(random() * 3 * HEARTBEAT_MS)],
    [2, () => world.want(wantOf(random, stream))],
    [1.5, () => world.gap(stream, pick(random, [...KEYS, null]))],
    [loses ? 5 : 0, () => world.commit(stream, key, 1, true)],
    [1, () => world.cut(random() < 0.7, pick(random, [1001, 1006, 4401, 4408]))],
    [0.5, () => world.restart()],
    [0.3, () => world.garbage()],
    [0.5, () => world.tell({ type: 'visible' })],
    [0.5, () => world.tell({ type: 'online' })],
    [0.3, () => world.tell({ type: 'tick' })],
    [0.5, () => (world.off.has(stream) ? world.off.clear() : world.off.add(stream))],
    [0.5, () => (world.database = world.database === 'up' ? 'down' : 'up')],
    // What a socket that was given up still says.
    [1, () => world.tell({ type: 'frame', socket: 0, text: '{"type":"pong","time":1}' })],
    [0.5, () => world.tell({ type: 'closed', socket: 0, code: 1006 })],
  ];
  let left = random() * actions.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of actions) {
    left -= weight;
    if (left <= 0) {
      act();
      return;
    }
  }
}

/** What must hold after every step. */
function check(world: FeedWorld): void {
  const { state, counts } = world.feed;
  if (!world.hasLost && counts.breaks > 0) throw new Error('F3 a chain was taken for broken that was whole');
  if (state.name !== 'live') return;
  for (const { stream } of world.wants) {
    const phase = world.feed.phase(stream)?.name;
    if (phase !== 'live' && phase !== 'off') throw new Error(`live, but ${stream} is ${phase}`);
  }
  const quiet = world.session?.toClient.length === 0 && world.session.toServer.length === 0;
  if (quiet && !world.hasLost) compare(world);
}

function compare(world: FeedWorld): void {
  for (const { stream, keys } of world.wants) {
    if (world.feed.phase(stream)?.name !== 'live') continue;
    for (const key of keys ?? world.keys(stream)) {
      expect(world.page.get(stream)?.get(key) ?? [], `${stream} ${key}`).toEqual(world.rows(stream, key));
    }
  }
}

/** All faults end: the page must be live again, with every row exactly once, and within bounded time. */
function settle(world: FeedWorld): void {
  world.off.clear();
  world.database = 'up';
  const move = (): void => {
    while (world.serve() || world.pay() || world.deliver());
  };
  const deadline = world.now + 120_000;
  while (world.now < deadline) {
    world.heartbeat();
    move();
    world.advance(1000);
    if (world.feed.state.name === 'live' && STREAMS.every((stream) => world.feed.phase(stream)?.name === 'live')) break;
  }
  // A row in every channel: where a delta was lost before, its chain shows it now.
  for (const stream of STREAMS) for (const key of KEYS) world.commit(stream, key, 1);
  for (let second = 0; second < 30; second += 1) {
    move();
    world.heartbeat();
    move();
    world.advance(1000);
  }
  expect(world.feed.state.name).toBe('live');
  compare(world);
}

describe('the feed machine', () => {
  const tried = { steps: 0, live: 0, failures: 0, malformed: 0, breaks: 0, late: 0, gaps: 0, errors: 0 };

  test.each(seeds(97, [1, 2, 3]))('F3 F4 F13 F14 comes back with every row exactly once, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const world = new FeedWorld(
        random,
        STREAMS.map((stream) => wantOf(random, stream)),
      );
      // A server that loses rows is half of the cases: in the other half every quiet moment is compared.
      const loses = seed % 2 === 0;
      for (let count = 0; count < STEPS; count += 1) {
        step(world, random, loses);
        check(world);
        tried.steps += 1;
        if (world.feed.state.name === 'live') tried.live += 1;
      }
      settle(world);
      for (const [name, count] of Object.entries(world.feed.counts)) {
        if (name === 'failures' || name === 'malformed' || name === 'breaks') tried[name] += count;
        if (name === 'late' || name === 'gaps' || name === 'errors') tried[name] += count;
      }
    }),
  );

  test('was tried in every kind of trouble, and live in between', () => {
    if (process.env.SEED !== undefined) return;
    expect(tried.steps).toBeGreaterThanOrEqual(20_000);
    for (const [name, count] of Object.entries(tried)) expect(count, name).toBeGreaterThan(20);
    expect(tried.live).toBeGreaterThan(tried.steps / 20);
  });
});
