/** Who may connect to the feed, and what happens to frames that are none: on real sockets, against the whole service. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type WebSocket from 'ws';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

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

/** Connects and resolves with the close code, and whether any frame came before it. */
async function refusal(url: string, options: WebSocket.ClientOptions = {}): Promise<{ code: number; frames: number }> {
  const feed = new FeedSocket(url, options);
  await feed.until(() => feed.closed !== null);
  return { code: feed.closed?.code ?? 0, frames: feed.frames.length };
}

describe('a connection', () => {
  it('F12 from a page of another origin closes with 4403 and no frame; from its own, or from no page, it is taken', async () => {
    expect(await refusal(dashboard.feedUrl, { origin: 'https://evil.example' })).toEqual({ code: 4403, frames: 0 });
    const own = await FeedSocket.open(dashboard.feedUrl, { origin: dashboard.url });
    await own.close();
  });

  it('F12 that asks for another protocol closes with 4426 and no frame', async () => {
    expect(await refusal(`${dashboard.feedUrl}?protocol=2`)).toEqual({ code: 4426, frames: 0 });
    const one = await FeedSocket.open(`${dashboard.feedUrl}?protocol=1`);
    await one.close();
  });

  it('F12 without a valid token closes with 4401 and no frame, where tokens are set', async () => {
    const guarded = await startDashboard(database.url, { DASHBOARD_VIEW_TOKENS: 'wall:a-secret-of-some-length' });
    try {
      expect(await refusal(guarded.feedUrl)).toEqual({ code: 4401, frames: 0 });
      expect(await refusal(`${guarded.feedUrl}?token=wrong`)).toEqual({ code: 4401, frames: 0 });
      const byQuery = await FeedSocket.open(`${guarded.feedUrl}?token=a-secret-of-some-length`);
      await byQuery.close();
      const headers = { authorization: 'Bearer a-secret-of-some-length' };
      const byHeader = await FeedSocket.open(guarded.feedUrl, { headers });
      await byHeader.close();
    } finally {
      await guarded.stop();
    }
  });

  it('one too many of an address is sent away, and taken again when another has gone', async () => {
    const small = await startDashboard(database.url, { DASHBOARD_MAX_CONNECTIONS_PER_ADDRESS: '2' });
    try {
      const first = await FeedSocket.open(small.feedUrl);
      const second = await FeedSocket.open(small.feedUrl);
      expect(await refusal(small.feedUrl)).toEqual({ code: 1013, frames: 0 });
      await first.close();
      const third = await FeedSocket.open(small.feedUrl);
      await Promise.all([second.close(), third.close()]);
    } finally {
      await small.stop();
    }
  });

  it('F12 is told bye, with a time to come back, when the server stops', async () => {
    const own = await startDashboard(database.url);
    const feed = await FeedSocket.open(own.feedUrl);
    await own.stop();
    await feed.until(() => feed.closed !== null);
    expect(feed.frames.at(-1)).toMatchObject({ type: 'bye', retry_after_ms: expect.any(Number) });
    expect(feed.closed?.code).toBe(1001);
  });
});

describe('an upgrade that is no connection to the feed', () => {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
  it.each([
    ['to a foreign host', '/feed', 'evil.example', 'websocket', '421'],
    ['to another route', '/api/health/live', 'localhost', 'websocket', '200'],
    ['to nowhere', '/nowhere', 'localhost', 'websocket', '404'],
    ['to another protocol', '/api/health/live', 'localhost', 'h2c', '200'],
  ])(
    '%s is answered, and leaves no socket behind that would keep the server from stopping',
    async (_what, path, host, protocol, status) => {
      const own = await startDashboard(database.url);
      const raw = connect(Number(new URL(own.url).port), '127.0.0.1');
      try {
        let heard = '';
        let ended = false;
        raw.on('data', (chunk) => {
          heard += String(chunk);
        });
        raw.on('end', () => {
          ended = true;
        });
        raw.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${key}\r\n`);
        await expect.poll(() => ended, { timeout: 10_000 }).toBe(true);
        expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      } finally {
        raw.destroy();
        await own.stop();
      }
    },
  );
});

describe('frames that are none', () => {
  it('F10 binary and oversized ones get an error each, and the connection goes on', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    feed.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
    feed.socket.send(JSON.stringify({ type: 'ping', id: 'x'.repeat(70_000) }));
    feed.say({ type: 'ping', id: 'after' });
    await feed.until(() => feed.of('pong').length === 1);
    expect(feed.of('error').map(({ code }) => code)).toEqual(['bad_frame', 'bad_frame']);
    expect(feed.of('pong')[0]).toMatchObject({ id: 'after' });
    await feed.close();
  });

  it('F10 deep nesting is harmless, in fields that are read and in others', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    feed.socket.send('['.repeat(30_000));
    for (const field of ['type', 'id', 'stream', 'keys', 'range', 'since', 'detail']) {
      feed.socket.send(`{${field === 'type' ? '' : '"type":"subscribe",'}"${field}":${deep}}`);
    }
    feed.socket.send(`{"type":"ping","id":"after","x":${deep}}`);
    await feed.until(() => feed.of('pong').length === 1);
    expect(feed.of('error').map(({ code }) => code)).toEqual(Array(8).fill('bad_frame'));
    await feed.close();
  });

  it('F10 F11 thousands of faults in one frame cost one short answer', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    feed.say({ type: 'subscribe', id: 'a', stream: 'anomalies', keys: Array(30_000).fill(1) });
    feed.say({ type: 'subscribe', id: 'b', stream: 'anomalies', keys: ['fine', 'NUL\u0000'], range: '1h' });
    feed.say({ type: 'ping' });
    await feed.until(() => feed.of('pong').length === 1);
    expect(feed.of('error')).toMatchObject([
      { id: 'a', code: 'bad_frame', message: expect.stringMatching(/keys\.0.*29997 more/) },
      { id: 'b', code: 'bad_frame', message: expect.stringContaining('NUL') },
    ]);
    for (const { message } of feed.of('error')) expect(message.length).toBeLessThan(500);
    await feed.close();
  });

  it('F10 F11 a query string that lists streams without end is refused once', async () => {
    const feed = await FeedSocket.open(`${dashboard.feedUrl}?streams=${'anomalies,'.repeat(1000)}`);
    await feed.until(() => feed.of('error').length > 0);
    feed.say({ type: 'ping' });
    await feed.until(() => feed.of('pong').length === 1);
    expect(feed.of('error')).toMatchObject([{ code: 'limit', message: expect.stringContaining('1000') }]);
    expect(feed.of('subscribed')).toEqual([]);
    await feed.close();
  });

  it('F10 F11 a query string that has something else than subscribe frames, or too many, is refused', async () => {
    const asking = (texts: readonly string[]): string =>
      `${dashboard.feedUrl}?${texts.map((text) => `subscribe=${encodeURIComponent(text)}`).join('&')}`;
    const feed = await FeedSocket.open(
      asking(['{"type":"unsubscribe","id":"u"}', '{"type":"subscribe","id":"s"}', 'x']),
    );
    await feed.until(() => feed.of('error').length === 3);
    expect(feed.of('error')).toMatchObject([
      { id: 'u', code: 'bad_frame', message: expect.stringContaining('"unsubscribe" in the query string') },
      { id: 's', code: 'bad_frame', message: expect.stringContaining('stream') },
      { code: 'bad_frame', message: expect.stringContaining('"x" is not JSON') },
    ]);
    await feed.close();
    const many = await FeedSocket.open(asking(Array.from({ length: 80 }, () => '{}')));
    await many.until(() => many.of('error').length > 0);
    expect(many.of('error')).toMatchObject([{ code: 'limit', message: expect.stringContaining('80 subscriptions') }]);
    await many.close();
  });

  it('F12 invalid UTF-8 and frames of more than a mebibyte close with the codes of WebSocket itself', async () => {
    const broken = await FeedSocket.open(dashboard.feedUrl);
    broken.socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
    await broken.until(() => broken.closed !== null);
    expect(broken.closed?.code).toBe(1007);
    const huge = await FeedSocket.open(dashboard.feedUrl);
    huge.socket.send('x'.repeat(1_100_000));
    await huge.until(() => huge.closed !== null);
    expect(huge.closed?.code).toBe(1009);
  });

  it('F13 a peer that answers no ping is dropped', async () => {
    const quick = await startDashboard(database.url, { DASHBOARD_HEARTBEAT_SECONDS: '0.1' });
    const { port } = new URL(quick.url);
    const raw = connect(Number(port), '127.0.0.1');
    try {
      let ended = false;
      raw.on('close', () => {
        ended = true;
      });
      // A handshake by hand, after which nothing is ever answered.
      raw.write(
        'GET /feed HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      let heard = '';
      raw.on('data', (chunk) => {
        heard += String(chunk);
      });
      await expect.poll(() => ended, { timeout: 10_000 }).toBe(true);
      expect(heard).toContain('101 Switching Protocols');
      expect(heard.split('"type":"heartbeat"').length).toBeGreaterThan(2);
    } finally {
      raw.destroy();
      await quick.stop();
    }
  });
});
