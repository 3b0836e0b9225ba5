/** How often the built server is asked: budgets of an address and of a token, for reading, writing, signing in and the feed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Built, startBuilt } from '../support/built.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { RawHttp } from '../support/raw-http.ts';

const DESK = 'desk-secret-of-some-length';
const OTHER = 'other-secret-of-some-length';
const BOT = 'bot-secret-of-some-length';
const TOKENS = { DASHBOARD_VIEW_TOKENS: `desk:${DESK},other:${OTHER}`, DASHBOARD_WRITE_TOKENS: `bot:${BOT}` };
const METRIC = JSON.stringify({ metric_name: 'cpu', metric_value: 1 });
const problem = z.object({ status: z.literal(429), detail: z.string() });

let database: TestDatabase;
const running: Built[] = [];

/** A server of its own for each test, so that no minute of another counts. */
async function serve(env: Readonly<Record<string, string>>): Promise<Built> {
  const server = await startBuilt(database.url, env);
  running.push(server);
  return server;
}

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
});

afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
  await database?.drop();
});

const from = (address: string, secret?: string): Record<string, string> => ({
  'x-forwarded-for': address,
  ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
});
const read = ({ url }: Built, headers: Record<string, string> = {}, path = '/api/streams') =>
  fetch(url + path, { headers });
const write = ({ url }: Built, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/system-metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: METRIC,
  });

/** The statuses of so many requests, one after the other. */
async function statuses(count: number, request: () => Promise<Response>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i += 1) all.push((await request()).status);
  return all;
}

async function expectTooMany(reply: Response, named: string): Promise<void> {
  expect([reply.status, reply.headers.get('content-type')]).toEqual([429, 'application/problem+json; charset=utf-8']);
  const seconds = Number(reply.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  const { detail } = problem.parse(await reply.json());
  expect(detail).toContain(named);
  expect(detail).toContain(`come back in ${seconds} s`);
}

describe('an address', () => {
  it('reads and writes so often a minute, each counted by itself; whether the server lives is told it always', async () => {
    const server = await serve({ DASHBOARD_MAX_READS_PER_ADDRESS: '3', DASHBOARD_MAX_WRITES_PER_ADDRESS: '2' });
    expect(await statuses(3, () => read(server))).toEqual([200, 200, 200]);
    await expectTooMany(await read(server), 'DASHBOARD_MAX_READS_PER_ADDRESS');
    await expectTooMany(await read(server, {}, '/api/none'), 'DASHBOARD_MAX_READS_PER_ADDRESS');
    await expectTooMany(await read(server, {}, '/metrics'), 'DASHBOARD_MAX_READS_PER_ADDRESS');
    expect(await statuses(2, () => write(server))).toEqual([201, 201]);
    await expectTooMany(await write(server), 'DASHBOARD_MAX_WRITES_PER_ADDRESS');
    for (const path of ['/api/health/live', '/api/health/ready', '/'])
      expect(await statuses(5, () => read(server, {}, path))).toEqual([200, 200, 200, 200, 200]);
  });

  it('is the one that a trusted proxy names, and of nobody else', async () => {
    const [behind, bare] = await Promise.all([
      serve({ DASHBOARD_MAX_READS_PER_ADDRESS: '1', DASHBOARD_TRUST_PROXY: '127.0.0.1' }),
      serve({ DASHBOARD_MAX_READS_PER_ADDRESS: '1' }),
    ]);
    expect(await statuses(2, () => read(behind, from('192.0.2.1')))).toEqual([200, 429]);
    expect((await read(behind, from('192.0.2.2'))).status).toBe(200);
    // Who names further addresses in front is known by the one that the proxy saw.
    expect((await read(behind, from('203.0.113.9, 192.0.2.1'))).status).toBe(429);
    expect((await read(bare, from('192.0.2.1'))).status).toBe(200);
    expect((await read(bare, from('192.0.2.2'))).status).toBe(429);
  });

  it('of IPv6 is its network', async () => {
    const server = await serve({ DASHBOARD_MAX_READS_PER_ADDRESS: '1', DASHBOARD_TRUST_PROXY: '127.0.0.1' });
    expect((await read(server, from('2001:db8::1'))).status).toBe(200);
    expect((await read(server, from('2001:db8::2'))).status).toBe(429);
    expect((await read(server, from('2001:db8:0:1::1'))).status).toBe(200);
  });

  it('is not counted where that is switched off', async () => {
    const server = await serve({ DASHBOARD_MAX_READS_PER_ADDRESS: '0', DASHBOARD_MAX_WRITES_PER_ADDRESS: '0' });
    expect(new Set(await statuses(30, () => read(server)))).toEqual(new Set([200]));
    expect(new Set(await statuses(5, () => write(server)))).toEqual(new Set([201]));
  });
});

describe('a token', () => {
  it('reads and writes so often a minute, from wherever, and no other token with it', async () => {
    const server = await serve({
      ...TOKENS,
      DASHBOARD_MAX_READS_PER_TOKEN: '2',
      DASHBOARD_MAX_WRITES_PER_TOKEN: '1',
      DASHBOARD_TRUST_PROXY: '127.0.0.1',
    });
    expect((await read(server, from('192.0.2.1', DESK))).status).toBe(200);
    expect((await read(server, from('192.0.2.2', DESK))).status).toBe(200);
    await expectTooMany(await read(server, from('192.0.2.3', DESK)), 'DASHBOARD_MAX_READS_PER_TOKEN');
    const set = await fetch(`${server.url}/?token=${DESK}`, { redirect: 'manual' });
    const cookie = (set.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    expect((await read(server, { ...from('192.0.2.4'), cookie })).status).toBe(429);
    expect((await read(server, from('192.0.2.1', OTHER))).status).toBe(200);
    expect((await write(server, from('192.0.2.1', BOT))).status).toBe(201);
    await expectTooMany(await write(server, from('192.0.2.2', BOT)), 'DASHBOARD_MAX_WRITES_PER_TOKEN');
    expect((await read(server, from('192.0.2.2', BOT))).status).toBe(200);
  });

  it('has so many feed connections, and another one when one has gone', async () => {
    const server = await serve({ ...TOKENS, DASHBOARD_MAX_CONNECTIONS_PER_TOKEN: '2' });
    const desk = `${server.feedUrl}?token=${DESK}`;
    const first = await FeedSocket.open(desk);
    const second = await FeedSocket.open(server.feedUrl, { headers: { authorization: `Bearer ${DESK}` } });
    const third = new FeedSocket(desk);
    await third.until(() => third.closed !== null);
    expect([third.closed?.code, third.closed?.reason, third.frames]).toEqual([
      1013,
      'at most 2 connections a token',
      [],
    ]);
    const other = await FeedSocket.open(`${server.feedUrl}?token=${OTHER}`);
    await first.close();
    const again = await FeedSocket.open(desk);
    await Promise.all([second.close(), other.close(), again.close()]);
  });
});

describe('wrong tokens', () => {
  const signIn = (server: Built, token: string, headers: Record<string, string>) =>
    fetch(`${server.url}/sign-in`, {
      method: 'POST',
      redirect: 'manual',
      headers,
      body: new URLSearchParams({ token }),
    });

  it('hold their address up, in the form, the link, the header and the feed alike, but nobody who was there before', async () => {
    const server = await serve({
      ...TOKENS,
      DASHBOARD_MAX_FAILED_SIGN_INS: '4',
      DASHBOARD_TRUST_PROXY: '127.0.0.1',
    });
    const mine = from('192.0.2.1');
    const link = (token: string) =>
      fetch(`${server.url}/?token=${token}`, { redirect: 'manual', headers: { ...mine, accept: 'text/html' } });
    expect((await read(server, from('192.0.2.1', OTHER))).status).toBe(200);
    const set = await link(OTHER);
    const cookie = (set.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    expect((await signIn(server, 'wrong-1', mine)).status).toBe(401);
    expect((await link('wrong-2')).status).toBe(401);
    expect((await read(server, from('192.0.2.1', 'wrong-3'))).status).toBe(401);
    const feed = new FeedSocket(`${server.feedUrl}?token=wrong-4`, { headers: mine });
    await feed.until(() => feed.closed !== null);
    expect(feed.closed?.code).toBe(4401);

    // A right guess is not told from a wrong one any more.
    for (const token of ['wrong-5', DESK]) {
      await expectTooMany(await signIn(server, token, mine), 'too many wrong tokens');
      await expectTooMany(await read(server, from('192.0.2.1', token)), 'too many wrong tokens');
      const page = await link(token);
      expect([page.status, page.headers.get('set-cookie')]).toEqual([429, null]);
      expect(await page.text()).toContain('Try again in');
      const held = new FeedSocket(`${server.feedUrl}?token=${token}`, { headers: mine });
      await held.until(() => held.closed !== null);
      expect([held.closed?.code, held.frames]).toEqual([1013, []]);
    }
    expect((await read(server, from('192.0.2.1', OTHER))).status).toBe(200);
    expect((await read(server, { ...mine, cookie })).status).toBe(200);
    expect((await read(server, from('192.0.2.2', DESK))).status).toBe(200);
    expect((await read(server, mine, '/api/health/live')).status).toBe(200);
  });

  it('that come all at once are no more than one after the other', async () => {
    const server = await serve({ ...TOKENS, DASHBOARD_MAX_FAILED_SIGN_INS: '3' });
    const connection = new RawHttp(server.port);
    const request = (secret: string, more = '') =>
      `GET /api/streams HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${secret}\r\n${more}\r\n`;
    const guesses = Array.from({ length: 30 }, (_, index) => request(`wrong-${index}`));
    connection.send(guesses.join('') + request(DESK, 'Connection: close\r\n'));
    const { text } = await connection.ended();
    const told = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
    expect(told).toHaveLength(31);
    expect(told.filter((status) => status === '401').length).toBeLessThanOrEqual(3);
    expect(told.at(-1)).toBe('429');
    expect(told).not.toContain('200');
  });

  it('are none where no token is needed', async () => {
    const server = await serve({ DASHBOARD_MAX_FAILED_SIGN_INS: '1' });
    for (let i = 0; i < 4; i += 1) {
      const feed = await FeedSocket.open(`${server.feedUrl}?token=any-${i}`);
      await feed.close();
      expect((await read(server, { authorization: `Bearer any-${i}` })).status).toBe(200);
    }
  });
});
