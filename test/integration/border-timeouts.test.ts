/** Connections that keep the built server waiting are closed, and those that are in use are not. On bare sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Built, startBuilt } from '../support/built.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { RawHttp } from '../support/raw-http.ts';

let database: TestDatabase;
let server: Built;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  const client = await database.connect();
  // An answer that no socket's buffers hold whole.
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
       select now() - i * interval '1 second', repeat('m', 80), i, now() from generate_series(1, 200000) i`,
  );
  await client.end();
  server = await startBuilt(database.url, {
    DASHBOARD_HEADERS_TIMEOUT_SECONDS: '0.5',
    DASHBOARD_REQUEST_TIMEOUT_SECONDS: '1',
    DASHBOARD_KEEP_ALIVE_SECONDS: '0.5',
    DASHBOARD_IDLE_TIMEOUT_SECONDS: '2',
    DASHBOARD_DEBUG: 'true',
  });
});

afterAll(async () => {
  await server?.stop();
  await database?.drop();
});

async function withSocket<T>(use: (socket: RawHttp) => Promise<T>): Promise<T> {
  const socket = new RawHttp(server.port);
  try {
    return await use(socket);
  } finally {
    socket.destroy();
  }
}

const HOST = 'Host: 127.0.0.1';

describe('a connection', () => {
  it('that says nothing at all is closed', async () => {
    await withSocket(async (socket) => {
      expect([0, 408]).toContain((await socket.ended()).status);
    });
  });

  it.each([
    ['half a request line', 'GET /api/hea'],
    ['a head that never ends', `GET /api/health HTTP/1.1\r\n${HOST}\r\nX-Slow: `],
    [
      'a body that never comes',
      `POST /api/anomalies HTTP/1.1\r\n${HOST}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`,
    ],
    [
      'a body in pieces that never ends',
      `POST /api/anomalies HTTP/1.1\r\n${HOST}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n`,
    ],
  ])('that sends %s is told so and closed', async (_what, bytes) => {
    await withSocket(async (socket) => {
      socket.send(bytes);
      expect((await socket.ended()).status).toBe(408);
    });
  });

  it('that drips its head byte by byte is closed all the same', async () => {
    await withSocket(async (socket) => {
      socket.send(`GET /api/health HTTP/1.1\r\n${HOST}\r\nX-Slow: `);
      const drip = setInterval(() => socket.send('a'), 50);
      try {
        expect((await socket.ended()).status).toBe(408);
      } finally {
        clearInterval(drip);
      }
    });
  });

  it('is used again by the next request, and closed when none comes', async () => {
    await withSocket(async (socket) => {
      const request = `GET /api/health/live HTTP/1.1\r\n${HOST}\r\n\r\n`;
      socket.send(request);
      await socket.until(() => socket.text.includes('"live"'));
      socket.send(request);
      await socket.until(() => socket.text.split('"live"').length === 3);
      await socket.ended();
      expect(socket.text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    });
  });

  it('whose client has closed its side is answered and closed', async () => {
    await withSocket(async (socket) => {
      socket.send(`GET /api/health/live HTTP/1.1\r\n${HOST}\r\n\r\n`);
      socket.finish();
      await socket.ended();
      expect(socket.text).toContain('"live"');
    });
  });

  it('whose client takes nothing of its answer is cut in the middle of it', async () => {
    await withSocket(async (socket) => {
      const before = server.program.stderr.length;
      socket.stopReading();
      socket.send(`GET /api/streams/system_metrics/rows?format=csv HTTP/1.1\r\n${HOST}\r\n\r\n`);
      await socket.until(() => server.program.stderr.slice(before).includes('on which nothing moved'));
      socket.goOnReading();
      const { text } = await socket.ended();
      expect(text).toMatch(/^HTTP\/1\.1 200/);
      // The last piece of an answer in pieces.
      expect(text.endsWith('0\r\n\r\n')).toBe(false);
    });
  });

  it('to the feed outlives all of these', async () => {
    const feed = await FeedSocket.open(server.feedUrl);
    const beats = (): number => feed.of('heartbeat').length;
    // Five seconds apart, which is longer than every limit above.
    await feed.until(() => beats() >= 2, 30_000);
    expect(feed.closed).toBeNull();
    feed.say({ type: 'ping' });
    await feed.until(() => feed.of('pong').length === 1);
    await feed.close();
  });
});
