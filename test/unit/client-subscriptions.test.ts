/** The client's subscriptions and its view of the server's clock, case by case. */
import { describe, expect, test } from 'vitest';
import { ServerClock } from '../../client/feed/clock.ts';
import { type Effect, Feed, type Want } from '../../client/feed.ts';
import { BACKOFF_MOST_MS } from '../../shared/backoff.ts';
import { FeedWorld, liveWorld, settle, WANT } from '../support/client-feed-model.ts';

const middle = (): number => 0.5;

describe('subscriptions', () => {
  const sends = (effects: readonly Effect[]): unknown[] =>
    effects.flatMap((effect): unknown[] => (effect.type === 'send' ? [JSON.parse(effect.text)] : []));

  test('another symbol ends the old subscription and begins the new one at once', () => {
    const world = liveWorld();
    const effects = world.feed.handle({ type: 'want', want: { ...WANT, keys: ['ETH/USDT'] } }, world.now);
    expect(sends(effects)).toEqual([
      { type: 'unsubscribe', id: 'funding_rates.1' },
      {
        type: 'subscribe',
        id: 'funding_rates.2',
        stream: 'funding_rates',
        keys: ['ETH/USDT'],
        range: '24h',
        points: 1200,
        bucket_ms: 75_000,
        detail: 'values',
      },
    ]);
  });

  describe('a connection that was asked before the machine was there', () => {
    const hello = JSON.stringify({
      type: 'hello',
      protocol: 1,
      version: '1',
      build: '',
      epoch: '',
      time: 1,
      heartbeat_ms: 1000,
      tick_ms: 1000,
      demo: false,
      streams: [],
    });
    const greeted = (early: Want): { feed: Feed; effects: Effect[] } => {
      const feed = new Feed(middle, null);
      feed.handle({ type: 'want', want: WANT }, 0);
      feed.handle({ type: 'start' }, 0);
      const asked = new Map([[early.stream, { id: 'early.0', want: early }]]);
      feed.handle({ type: 'opened', socket: 1, asked }, 0);
      return { feed, effects: feed.handle({ type: 'frame', socket: 1, text: hello }, 0) };
    };

    test('is asked for nothing again where that is what is wanted', () => {
      const { feed, effects } = greeted({ ...WANT });
      expect(sends(effects)).toEqual([]);
      const subscribed = {
        type: 'subscribed',
        id: 'early.0',
        stream: WANT.stream,
        keys: WANT.keys,
        cursor: 'c',
        resumed: false,
      };
      feed.handle({ type: 'frame', socket: 1, text: JSON.stringify(subscribed) }, 1);
      expect(feed.phase(WANT.stream)).toMatchObject({ name: 'receiving', id: 'early.0' });
    });

    test('has another subscription put in its place where something else is wanted', () => {
      const { effects } = greeted({ ...WANT, points: 600, bucketMs: 150_000 });
      expect(sends(effects)).toMatchObject([
        { type: 'unsubscribe', id: 'early.0' },
        { type: 'subscribe', id: 'funding_rates.1', points: WANT.points },
      ]);
    });
  });

  test('the same want again asks for nothing', () => {
    const world = liveWorld();
    expect(sends(world.feed.handle({ type: 'want', want: { ...WANT, keys: ['BTC/USDT'] } }, world.now))).toEqual([]);
  });

  test('F10 who flips through symbols faster than the server reads has the last one in the end', () => {
    const world = liveWorld();
    for (let count = 0; count < 200; count += 1) world.want({ ...WANT, keys: [`S${count}`] });
    settle(world);
    world.advance(1000);
    settle(world);
    expect(world.feed.state.name).toBe('live');
    expect(
      world.charts
        .get('funding_rates')
        ?.views(world.now)
        .map(({ key }) => key),
    ).toEqual(['S199']);
  });

  test('F3 a broken chain is subscribed anew at once, and with a back-off where it breaks again', () => {
    const world = liveWorld();
    world.commit('funding_rates', 'BTC/USDT', 1, true);
    world.commit('funding_rates', 'BTC/USDT', 1);
    settle(world);
    expect(world.feed.counts.breaks).toBe(1);
    expect(world.feed.phase('funding_rates')?.name).toBe('live');
    expect(world.ids('funding_rates', 'BTC/USDT')).toEqual([1, 2, 3]);

    world.commit('funding_rates', 'BTC/USDT', 1, true);
    world.commit('funding_rates', 'BTC/USDT', 1);
    settle(world);
    expect(world.feed.phase('funding_rates')?.name).toBe('queued');
    world.advance(500);
    settle(world);
    expect(world.feed.phase('funding_rates')?.name).toBe('live');
  });

  test.each(['BTC/USDT', null])('F7 a gap of %s is syncing until its snapshots came', (key) => {
    const world = liveWorld();
    world.server.gap('funding_rates', key);
    world.deliver();
    expect(world.feed.state.name).toBe('syncing');
    expect(world.feed.phase('funding_rates')?.name).toBe('gap');
    world.commit('funding_rates', 'BTC/USDT', 1);
    settle(world);
    expect(world.feed.state.name).toBe('live');
    expect(world.ids('funding_rates', 'BTC/USDT')).toEqual([1, 2]);
  });

  test('F11 a stream that is off says why, is asked again, and keeps the others from nothing', () => {
    const world = new FeedWorld(middle, [WANT, { ...WANT, stream: 'anomalies' }]);
    world.server.off.add('anomalies');
    settle(world);
    expect(world.feed.state.name).toBe('live');
    expect(world.feed.phase('anomalies')).toMatchObject({
      name: 'off',
      reason: 'stream anomalies is off: tried. Wait.',
    });
    world.advance(BACKOFF_MOST_MS - 1);
    settle(world);
    expect(world.feed.phase('anomalies')?.name).toBe('off');
    world.server.off.clear();
    for (let second = 0; second < 12; second += 1) {
      world.advance(1000);
      world.server.heartbeat();
      settle(world);
    }
    expect(world.feed.phase('anomalies')?.name).toBe('live');
  });

  test('with every stream off nothing is live', () => {
    const world = new FeedWorld(middle, [WANT]);
    world.server.off.add('funding_rates');
    settle(world);
    expect(world.feed.state).toMatchObject({ name: 'stale', cause: 'off' });
  });

  test('a database that is back has its streams asked for at once', () => {
    const world = new FeedWorld(() => 1, [WANT]);
    world.server.off.add('funding_rates');
    world.server.database = 'down';
    settle(world);
    world.server.heartbeat();
    settle(world);
    world.server.off.clear();
    world.server.database = 'up';
    world.server.heartbeat();
    settle(world);
    expect(world.feed.state.name).toBe('live');
  });
});

describe('the server clock', () => {
  test('takes the least delayed frame of the last minute', () => {
    const clock = new ServerClock();
    clock.note(10_000, 5_200);
    clock.note(12_000, 7_020);
    clock.note(14_000, 9_900);
    expect(clock.offset).toBe(4_980);
  });

  test('follows a clock that was set, forward at once and back within a minute', () => {
    const clock = new ServerClock();
    clock.note(0, 0);
    clock.note(3_600_000, 2_000);
    expect(clock.offset).toBe(3_598_000);
    for (let at = 4_000; at <= 70_000; at += 5_000) clock.note(at, at);
    expect(clock.offset).toBe(0);
  });
});
