/** What one connection may ask for, and what it is told when it asks for more: on real sockets, against the whole service. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { clientFrame, RawWebSocket } from '../support/raw-websocket.ts';

let database: TestDatabase;
let dashboard: Dashboard;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

const keysOf = (count: number, prefix = 'K'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** Asks and waits for the answer: the subscription's `synced`, or its error. */
async function ask(feed: FeedSocket, frame: { id: string } & Readonly<Record<string, unknown>>): Promise<string> {
  const answers = (): string[] =>
    feed.frames.flatMap((answer) => {
      if (answer.type === 'error' && answer.id === frame.id) return [`${answer.code}: ${answer.message}`];
      return answer.type === 'synced' && answer.id === frame.id ? ['synced'] : [];
    });
  const before = answers().length;
  feed.say({ type: 'subscribe', ...frame });
  await feed.until(() => answers().length > before);
  return answers().at(-1) ?? '';
}

/** Runs with a connection to a server of its own, whose limits are set by the environment. */
async function withLimits(
  env: Readonly<Record<string, string>>,
  body: (feed: FeedSocket) => Promise<void>,
): Promise<void> {
  const own = await startDashboard(database.url, env);
  try {
    const feed = await FeedSocket.open(own.feedUrl);
    await body(feed);
    if (feed.closed === null) await feed.close();
  } finally {
    await own.stop();
  }
}

describe('a connection', () => {
  it('F10 has at most 64 subscriptions; one that ended makes room', async () => {
    await withLimits({ DASHBOARD_MAX_FRAMES_PER_SECOND: '1000' }, async (feed) => {
      for (let i = 0; i < 64; i += 1)
        expect(await ask(feed, { id: `s${i}`, stream: 'anomalies', keys: ['K'] })).toBe('synced');
      expect(await ask(feed, { id: 'more', stream: 'anomalies' })).toMatch(/^limit: .*64/);
      expect(await ask(feed, { id: 's7', stream: 'funding_rates' })).toBe('synced');
      feed.say({ type: 'unsubscribe', id: 's8' });
      await feed.until(() => feed.of('unsubscribed').length === 1);
      expect(await ask(feed, { id: 'more', stream: 'anomalies' })).toBe('synced');
    });
  });

  it('F10 F11 has at most 1,000 keys a subscription and 10,000 in all, and keeps what it had', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    expect(await ask(feed, { id: 'wide', stream: 'anomalies', keys: keysOf(1001) })).toMatch(/^limit: .*1001.*1000/);
    for (let i = 0; i < 10; i += 1)
      expect(await ask(feed, { id: `s${i}`, stream: 'anomalies', keys: keysOf(1000) })).toBe('synced');
    expect(await ask(feed, { id: 'more', stream: 'anomalies', keys: ['ONE'] })).toMatch(/^limit: .*10001.*10000/);
    expect(await ask(feed, { id: 's0', stream: 'anomalies', keys: keysOf(999) })).toBe('synced');
    expect(await ask(feed, { id: 'more', stream: 'anomalies', keys: ['ONE'] })).toBe('synced');
    const writer = await database.connect();
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'K5', 'x', 1, 1)`,
    );
    await feed.until(() => feed.deltaIds().length > 0);
    expect(feed.deltaIds()).toHaveLength(1);
    await feed.close();
  });

  it('F2 F10 asks for at most 500,000 points, named keys or not', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    const wide = { stream: 'anomalies', range: '1h', points: 10_000 };
    expect(await ask(feed, { id: 'a', ...wide, keys: keysOf(51) })).toMatch(/^limit: .*500000/);
    expect(await ask(feed, { id: 'b', ...wide, keys: keysOf(50) })).toBe('synced');
    const writer = await database.connect();
    await writer.query(
      `insert into performance_metrics ("timestamp", symbol, strategy_id) select now(), 'P' || i, 's' from generate_series(1, 51) i`,
    );
    const every = { ...wide, stream: 'performance_metrics' };
    await expect.poll(() => ask(feed, { id: 'c', ...every }), { timeout: 10_000 }).toMatch(/^limit: .*500000/);
    expect(await ask(feed, { id: 'c', ...every, points: 1000 })).toBe('synced');
    await feed.close();
  });

  it('F10 is held to the limits that the server set, and told them', async () => {
    const env = {
      DASHBOARD_MAX_KEYS_PER_SUBSCRIPTION: '3',
      DASHBOARD_MAX_KEYS_PER_CONNECTION: '4',
      DASHBOARD_MAX_SUBSCRIPTIONS: '3',
      DASHBOARD_MAX_FRAME_BYTES: '1024',
      DASHBOARD_MAX_POINTS: '1000',
      DASHBOARD_MAX_ERRORS_PER_MINUTE: '6',
    };
    await withLimits(env, async (feed) => {
      expect(await ask(feed, { id: 'a', stream: 'anomalies', keys: keysOf(4) })).toMatch(/^limit: .*4.*3/);
      expect(await ask(feed, { id: 'b', stream: 'anomalies', keys: keysOf(3) })).toBe('synced');
      expect(await ask(feed, { id: 'c', stream: 'anomalies', keys: keysOf(2) })).toMatch(/^limit: .*5.*4/);
      expect(await ask(feed, { id: 'd', stream: 'anomalies', range: '1h', points: 1001 })).toMatch(
        /^limit: .*1001.*1000/,
      );
      expect(await ask(feed, { id: 'e', stream: 'anomalies' })).toBe('synced');
      expect(await ask(feed, { id: 'f', stream: 'anomalies' })).toBe('synced');
      expect(await ask(feed, { id: 'g', stream: 'anomalies' })).toMatch(/^limit: .*3/);
      feed.say({ type: 'ping', id: 'x', pad: 'x'.repeat(1024) });
      await feed.until(() => feed.of('error').length === 5);
      expect(feed.of('error').at(-1)).toMatchObject({ code: 'bad_frame', message: expect.stringContaining('1024') });
      feed.socket.send('no frame');
      feed.socket.send('no frame');
      await feed.until(() => feed.closed !== null);
      expect({ errors: feed.of('error').length, code: feed.closed?.code }).toEqual({ errors: 7, code: 4400 });
    });
  });

  it('F10 sends frames of 64 KiB to the byte, and its WebSocket pings and pongs do not count', async () => {
    const client = await RawWebSocket.open(dashboard.feedUrl);
    const frame = (bytes: number): Buffer => clientFrame(`{"type":"ping","id":"p","pad":"${'x'.repeat(bytes - 33)}"}`);
    for (let i = 0; i < 40; i += 1)
      client.write(Buffer.concat([clientFrame('hi', { opcode: 9 }), clientFrame('hi', { opcode: 10 })]));
    client.write(frame(65_536));
    await client.until(() => client.frames.some(({ type }) => type === 'pong'));
    expect(client.frames.filter(({ type }) => type === 'error')).toEqual([]);
    client.write(frame(65_537));
    await client.until(() => client.frames.some(({ type }) => type === 'error'));
    expect(client.frames.at(-1)).toMatchObject({ code: 'bad_frame', message: expect.stringMatching(/65537.*65536/) });
    client.cut();
  });
});

describe('a stream that cannot work', () => {
  it('F11 is unavailable with the reason and the mend, does not count towards 4400, and the others work', async () => {
    const own = await freshDatabase({ migrated: true });
    const writer = await own.connect();
    await writer.query('drop table performance_metrics');
    const served = await startDashboard(own.url);
    try {
      const feed = await FeedSocket.open(served.feedUrl);
      for (let i = 0; i < 30; i += 1) {
        expect(await ask(feed, { id: `p${i}`, stream: 'performance_metrics' })).toMatch(
          /^unavailable: .*performance_metrics/,
        );
      }
      for (const stream of STREAM_NAMES.filter((name) => name !== 'performance_metrics')) {
        expect(await ask(feed, { id: stream, stream, range: '1h' })).toBe('synced');
      }
      await feed.close();
    } finally {
      await served.stop();
      await own.drop();
    }
  });
});

describe('the documentation of the feed', () => {
  it('is served as AsyncAPI with the limits of the server, to those who may read', async () => {
    const served = await startDashboard(database.url, {
      DASHBOARD_VIEW_TOKENS: 'wall:a-secret-of-some-length',
      DASHBOARD_MAX_SUBSCRIPTIONS: '7',
    });
    try {
      const address = `${served.url}/api/asyncapi.json`;
      expect((await fetch(address)).status).toBe(401);
      const answer = await fetch(address, { headers: { authorization: 'Bearer a-secret-of-some-length' } });
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      expect(await answer.json()).toMatchObject({
        asyncapi: '3.0.0',
        servers: { here: { host: new URL(served.url).host, protocol: 'ws' } },
        channels: { feed: { 'x-limits': { subscriptions: 7 } } },
      });
    } finally {
      await served.stop();
    }
  });
});
