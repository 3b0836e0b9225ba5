/** Planned restarts: everybody is told when to come back, what is under way is finished, and the process ends in time. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, startProgram, stopProgram } from '../support/program.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const CLIENTS = 40;
/** Of the symbol that is asked for. */
const ROWS = 1000;

let database: TestDatabase;
let proxy: TcpProxy;
let program: Program;
let address: string;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
});
afterAll(async () => {
  await database?.drop();
});
beforeEach(async () => {
  proxy = await TcpProxy.start(database.config);
  program = startProgram(['serve', '--port', '0'], {
    DATABASE_URL: proxy.url(database.url),
    DASHBOARD_TICK_SECONDS: '1',
    DASHBOARD_HEARTBEAT_SECONDS: '0.2',
  });
  address = await program.ready();
});
afterEach(async () => {
  await stopProgram(program);
  await proxy.stop();
});

const feedUrl = (): string => `${address.replace('http', 'ws')}/feed`;

/** The status of an answer, or that nobody took the question. */
function statusOf(url: string): Promise<number | 'refused'> {
  return fetch(url).then(
    ({ status }) => status,
    () => 'refused',
  );
}

function everybody(): Promise<FeedSocket[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => FeedSocket.open(feedUrl())));
}

describe('SIGTERM', () => {
  it('F12 says when to come back, to each client at another time, closes with 1001 and ends with 0', async () => {
    const clients = await everybody();
    for (const client of clients) await client.subscribe({ id: 'a', stream: 'anomalies', range: '1h' });
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    const times = clients.map((client) => {
      expect(client.frames.at(-1)?.type).toBe('bye');
      expect(client.closed?.code).toBe(1001);
      return client.of('bye')[0]?.retry_after_ms ?? Number.NaN;
    });
    expect(new Set(times).size).toBeGreaterThan(CLIENTS / 2);
    expect(times.every((time) => time >= 250 && time <= 10_000)).toBe(true);
  });

  it('F12 lets a request finish that is under way, and takes no other', async () => {
    const lock = new pg.Client(database.config);
    await lock.connect();
    try {
      // So many that the answer begins before it comes to what is locked, and the request is known to be under way.
      await lock.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
           select now() - i * interval '1 second', 'BTC/USDT', 'okx', 0.0001 from generate_series(1, ${ROWS}) i`,
      );
      await lock.query('begin; lock table anomalies in access exclusive mode');
      const client = await FeedSocket.open(feedUrl());
      const answer = await fetch(`${address}/api/data/BTC/USDT?limit=${ROWS}`);
      expect(answer.status).toBe(200);
      program.signal('SIGTERM');
      await client.until(() => client.closed !== null);
      // Clients are gone a moment before the port is; until then a request is turned away in words.
      const seen = new Set<number | 'refused'>();
      await vi.waitFor(async () => expect([...seen.add(await statusOf(`${address}/api/health`))]).toContain('refused'));
      expect([503, 'refused']).toEqual(expect.arrayContaining([...seen]));
      await lock.query('rollback');
      const document = z.object({
        symbol: z.literal('BTC/USDT'),
        funding_rates: z.array(z.unknown()),
        predictions: z.array(z.unknown()),
      });
      expect(document.parse(await answer.json()).funding_rates).toHaveLength(ROWS);
      expect(await program.ended).toBe(0);
    } finally {
      await lock.end();
    }
  });

  it('F12 turns away, in words, who asks on a connection that was open before', async () => {
    const { host, hostname, port } = new URL(address);
    const open = connect(Number(port), hostname);
    await once(open, 'connect');
    const client = await FeedSocket.open(feedUrl());
    program.signal('SIGTERM');
    await client.until(() => client.closed !== null);
    open.end(`GET /api/symbols HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const answer = await text(open);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/^content-type: application\/problem\+json/im);
    expect(answer).toMatch(/^retry-after: \d+\r$/im);
    expect(answer).toContain('the server is stopping');
    expect(await program.ended).toBe(0);
  });

  it.each(['freeze', 'blackHole'] as const)(
    'F12 ends with 0 in time though the database is away: %s',
    async (fault) => {
      const clients = await everybody();
      proxy[fault]();
      for (const client of clients) client.say({ type: 'subscribe', id: 'a', stream: 'anomalies', range: '1h' });
      // A request that nobody will answer any more.
      const pending = fetch(`${address}/api/symbols`);
      pending.catch(() => undefined);
      const [first] = clients;
      await first?.until(() => first.of('heartbeat').at(-1)?.database === 'down');
      program.signal('SIGTERM');
      expect(await program.ended).toBe(0);
      expect(clients.every(({ closed }) => closed?.code === 1001)).toBe(true);
      await pending.catch(() => undefined);
    },
  );

  it('F12 ends with 0 in time though a client neither reads nor answers', async () => {
    const mute = await FeedSocket.open(feedUrl());
    mute.socket.pause();
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    mute.socket.terminate();
  });

  it('F12 ends with 0 in time though somebody has connected and never says what for', async () => {
    const { hostname, port } = new URL(address);
    const silent = connect(Number(port), hostname);
    await once(silent, 'connect');
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    silent.destroy();
  });
});
