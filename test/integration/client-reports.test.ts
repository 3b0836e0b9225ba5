/** What pages report of themselves: taken, bounded, counted, and logged with the request's name and without secrets. */
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../server/config.ts';
import { startService } from '../../server/service.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const READER = 's-reader-secret';
const line = z.looseObject({ level: z.number(), msg: z.string() });
type Line = z.infer<typeof line>;

let database: TestDatabase;
let service: Awaited<ReturnType<typeof startService>>;
const lines: Line[] = [];

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  const { config } = parseConfig({
    DATABASE_URL: database.url,
    DB_SSLMODE: 'disable',
    DASHBOARD_PORT: '0',
    DASHBOARD_VIEW_TOKENS: `reader:${READER}`,
  });
  const log = pino({ level: 'debug' }, { write: (text: string) => lines.push(line.parse(JSON.parse(text))) });
  service = await startService(config, log);
});
afterAll(async () => {
  await service?.stop();
  await database?.drop();
});
beforeEach(() => {
  lines.length = 0;
});

const error = {
  page: 'desk',
  kind: 'error',
  message: 'TypeError: nothing is there',
  stack: 'at draw (http://dash.example/assets/first.js:1:2)',
  build: 'b1',
  count: 3,
};

function report(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${service.address}/api/client-errors`, {
    method: 'POST',
    headers: { authorization: `Bearer ${READER}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const read = (path: string): Promise<Response> =>
  fetch(service.address + path, { headers: { authorization: `Bearer ${READER}` } });

async function counted(): Promise<number> {
  const text = await (await read('/metrics')).text();
  return Number(/^alphapulse_client_errors_total\{page="desk",kind="error"\} (\d+)$/m.exec(text)?.[1]);
}

describe('an error of a page', () => {
  it('is counted as often as it happened, and logged without what an address carries', async () => {
    const before = await counted();
    const reply = await report({
      ...error,
      message: `failed at http://dash.example/?token=${READER} and token=${READER}`,
      stack: `at draw (http://dash.example/assets/first.js?token=${READER}:1:2)`,
    });
    expect(reply.status).toBe(204);
    expect((await counted()) - before).toBe(3);
    const logged = lines.filter(({ msg }) => msg === 'a page reported an error');
    expect(logged).toMatchObject([{ level: 40, page: 'desk', kind: 'error', build: 'b1', count: 3 }]);
    expect(logged[0]?.error).toBe('failed at http://dash.example/ and token=***');
    expect(JSON.stringify(lines)).not.toContain(READER);
  });

  it.each([
    ['of no page', { ...error, page: 'phone' }, 400],
    ['that is too long', { ...error, message: 'x'.repeat(501) }, 400],
    ['with more than it may say', { ...error, cookie: 'a=b' }, 400],
    ['that is no object', '[]', 400],
    ['that is large', { ...error, stack: 'x'.repeat(9000) }, 413],
  ])('%s is refused', async (_name, body, status) => {
    const before = await counted();
    const reply = await report(body);
    expect(reply.status).toBe(status);
    expect(reply.headers.get('content-type')).toContain('application/problem+json');
    expect(await counted()).toBe(before);
  });

  it('is refused without a token, and from a page of another site', async () => {
    expect((await report(error, { authorization: '' })).status).toBe(401);
    expect((await report(error, { origin: 'https://elsewhere.example' })).status).toBe(403);
    expect((await report(JSON.stringify(error), { 'content-type': 'text/plain' })).status).toBe(400);
  });

  it('is taken so often and no more', async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 25; index += 1) statuses.push((await report(error)).status);
    expect(statuses.filter((status) => status === 204).length).toBeLessThanOrEqual(20);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe('the log', () => {
  it('has the name of the request in each line of it', async () => {
    await read('/api/symbols');
    await read('/api/symbols?never=seen');
    await vi.waitFor(() => expect(lines.filter(({ path }) => path === '/api/symbols')).toHaveLength(2));
    const answered = lines.filter(({ msg }) => msg === 'answered');
    for (const one of answered) expect(one.request).toEqual(expect.stringMatching(/^[0-9a-f]{6}-\d+$/));
    expect(new Set(answered.map(({ request }) => request)).size).toBe(answered.length);
    expect(JSON.stringify(lines)).not.toContain('never');
  });

  it('has the name of the connection in each line of it, which is that of its screen', async () => {
    const feed = await FeedSocket.open(`${service.address.replace('http', 'ws')}/feed?token=${READER}`);
    const screen = { page: 'wall', build: 'b1', symbol: 'A/B', painted: Date.now(), visible: true };
    feed.say({ type: 'ping', id: 'p', screen });
    await feed.until(() => feed.frames.some(({ type }) => type === 'pong'));
    const metrics = z
      .object({ screens: z.array(z.looseObject({ connection: z.string(), stuck: z.boolean() })) })
      .parse(await (await read('/api/metrics')).json());
    expect(metrics.screens).toMatchObject([{ ...screen, stuck: false, address: '127.0.0.1' }]);
    expect(await (await read('/metrics')).text()).toMatch(/^alphapulse_screens\{page="wall"\} 1$/m);
    await feed.close();
    await vi.waitFor(() => expect(lines.some(({ msg }) => msg === 'a client left')).toBe(true));
    const own = lines.filter(({ msg }) => msg.startsWith('a client '));
    expect(own.map(({ msg }) => msg)).toEqual(['a client connected', 'a client left']);
    for (const one of own) expect(one.connection).toBe(metrics.screens[0]?.connection);
    const after = z.object({ screens: z.array(z.unknown()) }).parse(await (await read('/api/metrics')).json());
    expect(after.screens).toEqual([]);
    expect(JSON.stringify(lines)).not.toContain(READER);
  });

  it.each([
    [{ page: 'phone' }, 'bad_frame'],
    [{ symbol: 'x'.repeat(201) }, 'bad_frame'],
    [{ painted: 'now' }, 'bad_frame'],
  ])('F10 a screen that says %j of itself is told that this is no frame', async (wrong, code) => {
    const feed = await FeedSocket.open(`${service.address.replace('http', 'ws')}/feed?token=${READER}`);
    const screen = { page: 'wall', build: 'b1', symbol: 'A/B', painted: null, visible: true, ...wrong };
    feed.say({ type: 'ping', screen });
    await feed.until(() => feed.frames.some((frame) => frame.type === 'error' && frame.code === code));
    await feed.close();
  });
});
