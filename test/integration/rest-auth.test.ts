/** Who may read: tokens in the header, in the link of a page and of the feed, and in the cookie that a link sets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccess, SESSION_COOKIE, withoutToken } from '../../server/http/auth.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RestApp, restApp } from '../support/rest.ts';

const VIEW = 'view-secret-7';
const WRITE = 'write:secret-8';
const DAY = 24 * 3_600_000;

let database: TestDatabase;
let rest: RestApp;
let now = Date.UTC(2026, 0, 15);
const tokens = {
  kind: 'token',
  viewTokens: [{ name: 'wall.1', secret: VIEW }],
  writeTokens: [{ name: 'bot', secret: WRITE }],
} as const;
const access = createAccess(tokens, () => now);

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  rest = await restApp(database.config, { access });
});
afterAll(async () => {
  await rest.close();
  await database.drop();
});

const get = (url: string, headers: Record<string, string> = {}) => rest.app.inject({ method: 'GET', url, headers });
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

/** The cookie that a link sets, as a browser sends it back. */
async function signIn(secret: string): Promise<string> {
  const cookie = (await get(`/?token=${encodeURIComponent(secret)}`)).cookies.find(
    ({ name }) => name === SESSION_COOKIE,
  );
  if (cookie === undefined) throw new Error('the link set no cookie');
  return cookie.value;
}

describe('reading with tokens set', () => {
  it.each([
    '/api/symbols',
    '/api/streams',
    '/api/metrics',
    '/api/data/BTC/USDT',
    '/api/chart/anomalies',
    '/api/none',
    '/',
    '/%61pi/symbols',
    '/API/symbols',
  ])('%s needs a token', async (url) => {
    for (const headers of [
      {},
      bearer('wrong'),
      bearer(VIEW.slice(0, -1)),
      { authorization: `Basic ${VIEW}` },
      { cookie: `${SESSION_COOKIE}=a.b.c.d` },
    ]) {
      const reply = await get(url, headers);
      expect([reply.statusCode, reply.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Bearer')]);
      expect(reply.headers['content-type']).toMatch(/problem\+json/);
      expect(reply.body).not.toContain(VIEW);
    }
  });

  it('is open to a view token and to a write token', async () => {
    for (const secret of [VIEW, WRITE]) expect((await get('/api/symbols', bearer(secret))).statusCode).toBe(200);
    expect((await get('/api/symbols', { authorization: `bearer  ${VIEW}` })).statusCode).toBe(200);
  });

  it('is not open to a token in the address of the interface, which would end up in logs', async () => {
    expect((await get(`/api/symbols?token=${VIEW}`)).statusCode).toBe(401);
  });

  it('tells strangers whether it lives, is ready and is healthy, and no more', async () => {
    expect((await get('/api/health/live')).statusCode).toBe(200);
    expect((await get('/api/health/ready')).statusCode).toBe(200);
    expect((await get('/api/health')).json()).toEqual({ status: 'healthy' });
    expect((await get('/api/health', bearer(VIEW))).json()).toMatchObject({ status: 'healthy', database: 'connected' });
  });

  it('shows a browser a page that says how to come in', async () => {
    const reply = await get('/', { accept: 'text/html,*/*' });
    expect([reply.statusCode, reply.headers['content-type']]).toEqual([401, 'text/html; charset=utf-8']);
    expect(reply.body).toContain('<form method="post" action="/sign-in">');
  });
});

describe('a link with a token', () => {
  it('sets a cookie that no script sees and no other site sends, and loses the token', async () => {
    const reply = await get(`/wall?symbol=BTC/USDT&token=${VIEW}&range=1h`);
    expect([reply.statusCode, reply.headers.location]).toEqual([303, '/wall?symbol=BTC%2FUSDT&range=1h']);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.cookies).toMatchObject([{ name: SESSION_COOKIE, path: '/', httpOnly: true, sameSite: 'Strict' }]);
    expect(String(reply.headers['set-cookie'])).not.toContain(VIEW);
    expect((await get('/api/symbols', { cookie: `other=1; ${SESSION_COOKIE}=${await signIn(VIEW)}` })).statusCode).toBe(
      200,
    );
  });

  it('goes on by a page of its own when another site led to it, because a redirect would come without the cookie', async () => {
    const reply = await get(`/?token=${VIEW}&symbol=%22%3E%3Cscript%3E`, { 'sec-fetch-site': 'cross-site' });
    expect(reply.statusCode).toBe(200);
    expect(reply.body).toContain('http-equiv="refresh"');
    expect(reply.body).not.toContain('<script');
    expect(reply.body).not.toContain(VIEW);
    expect(reply.cookies).toHaveLength(1);
  });

  it('leads nowhere else', async () => {
    const reply = await get(`//evil.example/?token=${VIEW}`);
    expect([reply.statusCode, reply.headers.location]).toEqual([303, '/evil.example/']);
  });

  it('with a wrong token sets nothing', async () => {
    const reply = await get('/?token=wrong');
    expect([reply.statusCode, reply.headers['set-cookie']]).toEqual([401, undefined]);
  });
});

describe('the cookie', () => {
  const reads = (cookie: string) =>
    access.checkAccess({ url: '/feed', headers: { cookie: `${SESSION_COOKIE}=${cookie}` } });

  it('is void when anything of it is changed', async () => {
    const cookie = await signIn(VIEW);
    expect(reads(cookie)).toBe('ok');
    const [kind, name, expires, signature] = cookie.split('.');
    for (const forged of [
      `write.${name}.${expires}.${signature}`,
      `${kind}.${Buffer.from('bot').toString('base64url')}.${expires}.${signature}`,
      `${kind}.${name}.${Number(expires) + 1}.${signature}`,
      `${kind}.${name}.${expires}.`,
      `${kind}.${name}.${expires}`,
      `${kind}.${name}.${expires}.${signature?.startsWith('A') ? 'B' : 'A'}${signature?.slice(1)}`,
      `${kind}.${name}.${expires}.${signature}A`,
      `${kind}.${name}.${expires}.${signature}=`,
      `${kind}.${name}.1e99.${signature}`,
    ]) {
      expect(reads(forged), forged).toBe('unauthorized');
    }
  });

  it('ends with its time and with its token, and holds on every server that has the token', async () => {
    const cookie = await signIn(VIEW);
    const elsewhere = createAccess(tokens, () => now);
    const renewed = createAccess({ ...tokens, viewTokens: [{ name: 'wall.1', secret: 'another' }] }, () => now);
    const asking = { url: '/api/symbols', headers: { cookie: `${SESSION_COOKIE}=${cookie}` } };
    expect(elsewhere.checkAccess(asking)).toBe('ok');
    expect(renewed.checkAccess(asking)).toBe('unauthorized');
    now += 31 * DAY;
    expect(elsewhere.checkAccess(asking)).toBe('unauthorized');
  });
});

describe('the feed', () => {
  const asking = (url: string, headers: Record<string, string> = {}) => access.checkAccess({ url, headers });

  it('takes the token from the address too, decides by it alone where it is given, and is not refused before its handshake', async () => {
    expect(asking('/feed')).toBe('unauthorized');
    expect(asking(`/feed?streams=anomalies&token=${encodeURIComponent(WRITE)}`)).toBe('ok');
    expect(asking('/feed?token=wrong')).toBe('unauthorized');
    expect(asking('/feed', bearer(VIEW))).toBe('ok');
    expect((await get('/feed')).statusCode).toBe(404);
  });
});

describe('writing', () => {
  it('needs a write token', () => {
    const asking = (headers: Record<string, string>) => access.checkWrite({ url: '/api/anomalies', headers });
    expect([asking({}), asking(bearer(VIEW)), asking(bearer(WRITE))]).toEqual(['unauthorized', 'unauthorized', 'ok']);
  });

  it('is granted by a secret that is set for both', () => {
    const both = createAccess({
      kind: 'token',
      viewTokens: [{ name: 'a', secret: 's' }],
      writeTokens: [{ name: 'b', secret: 's' }],
    });
    expect(both.checkWrite({ url: '/', headers: bearer('s') })).toBe('ok');
  });
});

it('without tokens everybody reads', async () => {
  const open = createAccess({ kind: 'open', meant: true });
  expect([open.required, open.checkAccess({ url: '/', headers: {} })]).toEqual([false, 'ok']);
});

it('a log line has no token in it', () => {
  expect(withoutToken('/feed?token=abc&keys=a&token=d#e')).toBe('/feed?token=***&keys=a&token=***#e');
  expect(withoutToken('/feed?mytoken=abc')).toBe('/feed?mytoken=abc');
});
