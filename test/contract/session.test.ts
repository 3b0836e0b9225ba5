/** What one connection is sent, frame by frame, rule by rule. */
import { beforeEach, describe, expect, it } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { rest } from '../support/fake-clock.ts';
import type { Client } from '../support/feed-harness.ts';
import { FeedHarness, LIMITS } from '../support/feed-harness.ts';

let feed: FeedHarness;
let client: Client;

beforeEach(async () => {
  feed = new FeedHarness();
  await feed.start();
  client = feed.connect();
});

const types = (): string[] => client.feed.frames.map(({ type }) => type);

function last(): Record<string, unknown> {
  return { ...client.feed.frames.at(-1) };
}

const SUBSCRIBE = { type: 'subscribe', id: 's', stream: 'funding_rates' };

describe('a subscription', () => {
  it('F2 is subscribed, gets a snapshot for each key, and is synced', async () => {
    feed.insert('BTC/USDT');
    client.say({ ...SUBSCRIBE, keys: ['BTC/USDT', 'ETH/USDT'], range: '24h' });
    await feed.clock.pass(10);
    expect(types()).toEqual(['subscribed', 'snapshot', 'snapshot', 'synced']);
    expect(client.feed.frames[0]).toMatchObject({ id: 's', keys: ['BTC/USDT', 'ETH/USDT'], resumed: false });
  });

  it('F2 without a range is synced at once', async () => {
    client.say(SUBSCRIBE);
    await feed.clock.pass(10);
    expect(types()).toEqual(['subscribed', 'synced']);
    expect(client.feed.frames[0]).toMatchObject({ keys: null });
  });

  it('F2 for every key gets a snapshot of those that have rows', async () => {
    feed.insert('BTC/USDT');
    feed.insert('SOL/USDT');
    client.say({ ...SUBSCRIBE, range: 'latest' });
    await feed.clock.pass(10);
    const keys = client.feed.frames.flatMap((frame) => (frame.type === 'snapshot' ? [frame.key] : []));
    expect(keys).toEqual(['BTC/USDT', 'SOL/USDT']);
  });

  it('F2 F6 gets no history that was kept of a past which a restored database does not have', async () => {
    for (let row = 0; row < 3; row += 1) feed.insert('BTC/USDT');
    feed.pump.tick();
    await feed.clock.pass(10);
    const rows = async (): Promise<number | undefined> => {
      client.say({ ...SUBSCRIBE, keys: ['BTC/USDT'], range: '1h' });
      await feed.clock.pass(10);
      return client.feed.frames.findLast((frame) => frame.type === 'snapshot')?.rows_total;
    };
    expect(await rows()).toBe(3);
    feed.database.rewind(1);
    feed.pump.tick();
    await feed.clock.pass(10);
    expect(await rows()).toBe(1);
  });

  it('F2 F3 gets history out of memory where it was read before, with what came since, and goes on from it', async () => {
    feed.insert('BTC/USDT');
    client.say({ ...SUBSCRIBE, keys: ['BTC/USDT'], range: '1h' });
    // Longer than one history is given to several.
    await feed.clock.pass(6000);
    feed.insert('BTC/USDT');
    const later = feed.connect();
    later.say({ ...SUBSCRIBE, keys: ['BTC/USDT'], range: '1h' });
    await rest(20);
    expect(later.feed.frames.map(({ type }) => type)).toEqual(['subscribed', 'snapshot', 'synced']);
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await rest(20);
    expect(later.feed.breach).toBeNull();
    expect([...later.feed.ids('s', 'BTC/USDT')]).toEqual([1, 2, 3]);
    expect(feed.counts.get('snapshot_reads_total')).toBe(1);
  });

  it('F2 is replaced by another with its id, and receives all the time', async () => {
    client.say({ ...SUBSCRIBE, keys: ['BTC/USDT'] });
    await feed.clock.pass(10);
    client.say({ ...SUBSCRIBE, keys: ['ETH/USDT'] });
    feed.insert('BTC/USDT');
    feed.insert('ETH/USDT');
    feed.pump.ring();
    await feed.clock.pass(10);
    const eth = Number(feed.insert('ETH/USDT'));
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await feed.clock.pass(10);
    const deltas = client.feed.frames.flatMap((frame) => (frame.type === 'delta' ? [frame] : []));
    expect(deltas.at(-1)).toMatchObject({ key: 'ETH/USDT', rows: [{ id: eth }] });
    expect(client.feed.subscriptions).toEqual(['s']);
    expect(client.feed.breach).toBeNull();
  });

  it('F2 of two that match, a delta comes once, in the fuller detail', async () => {
    client.say({ ...SUBSCRIBE, id: 'values', keys: ['BTC/USDT'], detail: 'values' });
    client.say({ ...SUBSCRIBE, id: 'full', detail: 'full' });
    await feed.clock.pass(10);
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await feed.clock.pass(10);
    const deltas = client.feed.frames.filter(({ type }) => type === 'delta');
    expect(deltas).toHaveLength(1);
    expect(deltas[0]).toMatchObject({ rows: [{ metadata: null }] });
  });

  it('F9 of values leaves out documents and created_at', async () => {
    client.say({ ...SUBSCRIBE, detail: 'values' });
    await feed.clock.pass(10);
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await feed.clock.pass(10);
    const delta = client.feed.frames.find((frame) => frame.type === 'delta');
    expect(Object.keys(delta?.rows[0] ?? {})).toEqual([
      'id',
      'timestamp',
      'symbol',
      'exchange',
      'funding_rate',
      'estimated_rate',
      'next_funding_time',
    ]);
  });

  it('F2 ends with unsubscribed, after which nothing comes, not even a snapshot under way', async () => {
    feed.insert('BTC/USDT');
    feed.insert('ETH/USDT');
    client.say({ ...SUBSCRIBE, range: '1h' });
    await Promise.resolve();
    client.say({ type: 'unsubscribe', id: 's' });
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await feed.clock.pass(100);
    expect(types().at(-1)).toBe('unsubscribed');
    expect(feed.database.held).toBe(0);
  });

  it('F6 that hands back where it stands is resumed, and sent what it missed', async () => {
    client.say(SUBSCRIBE);
    await feed.clock.pass(10);
    const cursor = client.feed.resumable('s')?.since;
    const again = feed.connect();
    again.feed.resumeFrom('s', { ids: new Map(), since: cursor ?? null });
    again.say({ ...SUBSCRIBE, range: '1h', since: cursor });
    await feed.clock.pass(10);
    expect(again.feed.frames[0]).toMatchObject({ type: 'subscribed', resumed: true });
    expect(again.feed.frames.map(({ type }) => type)).toEqual(['subscribed', 'synced']);
    const id = Number(feed.insert('BTC/USDT'));
    feed.pump.ring();
    await feed.clock.pass(10);
    const late = feed.connect();
    late.feed.resumeFrom('s', { ids: new Map(), since: cursor ?? null });
    late.say({ ...SUBSCRIBE, range: '1h', since: cursor });
    await feed.clock.pass(10);
    expect(late.feed.frames.map(({ type }) => type)).toEqual(['subscribed', 'delta', 'synced']);
    expect(late.feed.frames[1]).toMatchObject({ via: 'replay', rows: [{ id }] });
    expect(late.feed.breach).toBeNull();
  });

  it('F11 waits for a database that is away, then is told that it is unavailable', async () => {
    feed.database.away = true;
    client.say({ ...SUBSCRIBE, range: '1h' });
    await feed.clock.pass(5000);
    expect(last()).toMatchObject({ type: 'error', id: 's', code: 'unavailable' });
    feed.database.away = false;
    client.say({ ...SUBSCRIBE, range: '1h' });
    await feed.clock.pass(2000);
    expect(types().slice(-2)).toEqual(['subscribed', 'synced']);
  });

  it('F2 without a range is placed even while the database is away', async () => {
    feed.database.away = true;
    client.say(SUBSCRIBE);
    await feed.clock.pass(10);
    expect(types()).toEqual(['subscribed', 'synced']);
    const id = Number(feed.insert('BTC/USDT'));
    feed.database.away = false;
    await feed.clock.pass(12_000);
    expect(client.feed.ids('s', 'BTC/USDT')).toEqual(new Set([id]));
  });

  it('F11 of a stream that is off is told why, at once and when it goes off later', async () => {
    client.say(SUBSCRIBE);
    await feed.clock.pass(10);
    feed.hub.turnOff('funding_rates', 'stream funding_rates is off: column x is missing');
    await rest();
    expect(last()).toMatchObject({
      type: 'error',
      id: 's',
      code: 'unavailable',
      message: expect.stringContaining('column x'),
    });
    client.say({ ...SUBSCRIBE, id: 't' });
    await rest();
    expect(last()).toMatchObject({ type: 'error', id: 't', code: 'unavailable' });
  });
});

describe('what cannot be met', () => {
  const bad: [string, unknown, string, RegExp][] = [
    ['not JSON', 'hello', 'bad_frame', /not JSON/],
    ['an array', [], 'bad_frame', /JSON object/],
    ['null', 'null', 'bad_frame', /JSON object/],
    ['a frame without type', { id: 'x' }, 'bad_frame', /"type"/],
    ['an unknown type', { type: 'select' }, 'unknown_type', /"select".*subscribe/],
    ['a prototype key for a type', { type: '__proto__' }, 'unknown_type', /__proto__/],
    ['no id', { type: 'subscribe', stream: 'anomalies' }, 'bad_frame', /id/],
    ['an id too long', { ...SUBSCRIBE, id: 'x'.repeat(65) }, 'bad_frame', /id/],
    ['an unknown stream', { ...SUBSCRIBE, stream: 'trades' }, 'unknown_stream', /"trades".*funding_rates/],
    ['a stream out of the prototype', { ...SUBSCRIBE, stream: 'constructor' }, 'unknown_stream', /constructor/],
    ['no keys in keys', { ...SUBSCRIBE, keys: [] }, 'bad_frame', /keys/],
    ['keys that are no strings', { ...SUBSCRIBE, keys: [1] }, 'bad_frame', /keys/],
    ['too many keys', { ...SUBSCRIBE, keys: Array.from({ length: 1001 }, (_, i) => `K${i}`) }, 'limit', /1001.*1000/],
    ['an unknown range', { ...SUBSCRIBE, range: '2w' }, 'bad_range', /"2w".*latest/],
    ['a range too short', { ...SUBSCRIBE, range: '14m' }, 'bad_range', /"14m"/],
    ['a range too long', { ...SUBSCRIBE, range: '8d' }, 'bad_range', /"8d"/],
    ['too few points', { ...SUBSCRIBE, range: '1h', points: 15 }, 'bad_range', /15.*16/],
    ['half a point', { ...SUBSCRIBE, range: '1h', points: 99.5 }, 'bad_range', /99.5/],
    [
      'buckets that are less than the range',
      { ...SUBSCRIBE, range: '1h', points: 100, bucket_ms: 1000 },
      'bad_range',
      /100000 ms/,
    ],
    [
      'buckets far beyond the range',
      { ...SUBSCRIBE, range: '1h', points: 100, bucket_ms: 50_000 },
      'bad_range',
      /5000000 ms/,
    ],
    ['buckets too narrow', { ...SUBSCRIBE, range: '7d', bucket_ms: 10 }, 'bad_range', /bucket_ms 10/],
    [
      'more points in all than a subscription may have',
      { ...SUBSCRIBE, range: '1h', points: 10_000, keys: Array.from({ length: 51 }, (_, i) => `K${i}`) },
      'limit',
      /500000/,
    ],
    ['no cursor', { ...SUBSCRIBE, since: 'yesterday' }, 'bad_cursor', /"yesterday"/],
    ['an unknown detail', { ...SUBSCRIBE, detail: 'all' }, 'bad_frame', /detail/],
    ['an unsubscribe without id', { type: 'unsubscribe' }, 'bad_frame', /id/],
  ];

  it.each(bad)('F10 F11 %s', async (_what, frame, code, message) => {
    client.say(typeof frame === 'string' ? frame : JSON.stringify(frame));
    await rest();
    expect(client.feed.frames).toHaveLength(1);
    expect(last()).toMatchObject({ type: 'error', code, message: expect.stringMatching(message) });
  });

  it('F11 carries the id that it came with', async () => {
    client.say({ type: 'subscribe', id: 'mine', stream: 'x' });
    await rest();
    expect(last()).toMatchObject({ id: 'mine' });
  });

  it('F10 unknown fields are ignored', async () => {
    client.say({ ...SUBSCRIBE, colour: 'red', __proto__: { polluted: true } });
    await feed.clock.pass(10);
    expect(types()).toEqual(['subscribed', 'synced']);
  });

  it('F10 more than 20 errors in a minute close with 4400, 20 do not', async () => {
    for (let i = 0; i < LIMITS.errorsPerMinute; i += 1) client.say('x');
    await rest();
    expect(client.feed.closedWith).toBeNull();
    await feed.clock.pass(60_000);
    for (let i = 0; i <= LIMITS.errorsPerMinute; i += 1) client.say('x');
    await rest();
    expect(client.feed.closedWith).toBe(4400);
  });

  it('F10 more than 50 frames a second are refused, and harm nobody else', async () => {
    const other = feed.connect();
    for (let i = 0; i < 60; i += 1) client.say({ type: 'ping', id: String(i) });
    other.say({ type: 'ping' });
    await rest();
    expect(types().filter((type) => type === 'pong')).toHaveLength(50);
    expect(last()).toMatchObject({ type: 'error', code: 'limit' });
    expect(other.feed.frames.map(({ type }) => type)).toEqual(['pong']);
  });

  it('F10 a 65th subscription is one too many, an id used again is not', async () => {
    for (let i = 0; i < 64; i += 1) {
      client.say({ ...SUBSCRIBE, id: `s${i}` });
      await feed.clock.pass(50);
    }
    client.say({ ...SUBSCRIBE, id: 's64' });
    await feed.clock.pass(1000);
    expect(last()).toMatchObject({ type: 'error', id: 's64', code: 'limit' });
    client.say({ ...SUBSCRIBE, id: 's0' });
    await feed.clock.pass(1000);
    expect(last()).toMatchObject({ type: 'synced', id: 's0' });
  });
});

describe('every connection', () => {
  it('F13 hears a heartbeat with the age of every stream', async () => {
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await rest();
    await feed.clock.pass(1500);
    feed.hub.heartbeat('up', 'down', STREAM_NAMES);
    await rest();
    expect(last()).toMatchObject({ type: 'heartbeat', database: 'up', doorbell: 'down' });
    expect(last().freshness).toMatchObject({ funding_rates: 1500, anomalies: null });
  });

  it('F15 the same delta is the same text for all', async () => {
    const other = feed.connect();
    const texts: string[][] = [[], []];
    for (const [index, each] of [client, other].entries()) {
      const write = each.feed.write.bind(each.feed);
      each.feed.write = (frames) => {
        for (const { text } of frames) if (text.includes('"type":"delta"')) texts[index]?.push(text);
        write(frames);
      };
      each.say({ ...SUBSCRIBE, id: `id-${index}` });
    }
    await feed.clock.pass(10);
    feed.insert('BTC/USDT');
    feed.pump.ring();
    await rest();
    expect(texts[0]).toHaveLength(1);
    expect(texts[0]).toEqual(texts[1]);
  });

  it('gets all frames of a batch in one write', async () => {
    client.say(SUBSCRIBE);
    await feed.clock.pass(10);
    feed.database.batchRows = 10;
    const transaction = feed.database.begin();
    for (const key of ['BTC/USDT', 'ETH/USDT', 'SOL/USDT', 'ADA/USDT']) feed.database.insert(transaction, key);
    feed.database.commit(transaction);
    const writes = client.feed.writes.length;
    feed.pump.ring();
    await rest();
    expect(client.feed.writes.slice(writes)).toEqual([4]);
  });

  it('F12 is told good-bye before a planned close, each with a time of its own to come back', async () => {
    const other = feed.connect();
    let retry = 100;
    feed.hub.goodbye('stopping', () => {
      retry += 100;
      return retry;
    });
    expect(last()).toMatchObject({ type: 'bye', reason: 'stopping', retry_after_ms: 200 });
    expect(other.feed.frames.at(-1)).toMatchObject({ type: 'bye', retry_after_ms: 300 });
    expect([client.feed.closedWith, other.feed.closedWith]).toEqual([1001, 1001]);
  });
});
