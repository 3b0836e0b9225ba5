/** Tokens of screens: they read only, and whoever has signed in with one stays signed in for as long as the screen is in use. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import { createAccess, SESSION_COOKIE } from '../../server/http/auth.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RestApp, restApp } from '../support/rest.ts';

const SCREEN = 'screen-secret-of-the-hall';
const VIEW = 'view-secret-7';
const WRITE = 'write-secret-8';
const DAY = 24 * 3_600_000;
const YEAR_COOKIE = 400 * 24 * 3600;

let database: TestDatabase;
let rest: RestApp;
let now = Date.UTC(2026, 0, 15);
const tokens = {
  kind: 'token',
  viewTokens: [{ name: 'hall', secret: VIEW }],
  writeTokens: [{ name: 'hall', secret: WRITE }],
  displayTokens: [{ name: 'hall', secret: SCREEN }],
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

/** What an answer sets as the session's cookie; undefined where it sets none. */
async function cookieSet(url: string, headers: Record<string, string> = {}) {
  return (await get(url, headers)).cookies.find(({ name }) => name === SESSION_COOKIE);
}

const asCookie = (value: string) => ({ cookie: `${SESSION_COOKIE}=${value}` });

async function signIn(secret: string): Promise<string> {
  const cookie = await cookieSet(`/wall?token=${secret}`);
  if (cookie === undefined) throw new Error('the link set no cookie');
  return cookie.value;
}

describe('a display token', () => {
  it('signs in for as long as a browser keeps a cookie; another token does for a month', async () => {
    expect(await cookieSet(`/wall?token=${SCREEN}`)).toMatchObject({
      maxAge: YEAR_COOKIE,
      path: '/',
      httpOnly: true,
      sameSite: 'Strict',
    });
    expect(await cookieSet(`/wall?token=${VIEW}`)).toMatchObject({ maxAge: 30 * 24 * 3600 });
  });

  it('leaves the wall its parameters and takes itself out of the address', async () => {
    const reply = await get(`/wall?symbols=BTC/USDT,ETH/USDT&token=${SCREEN}&rotate=30`);
    expect([reply.statusCode, reply.headers.location]).toEqual([
      303,
      '/wall?symbols=BTC%2FUSDT%2CETH%2FUSDT&rotate=30',
    ]);
  });

  it('reads, and writes nothing', async () => {
    const bearer = { authorization: `Bearer ${SCREEN}` };
    expect((await get('/api/symbols', bearer)).statusCode).toBe(200);
    expect(access.checkAccess({ url: '/feed', headers: asCookie(await signIn(SCREEN)) })).toBe('ok');
    for (const headers of [bearer, asCookie(await signIn(SCREEN))])
      expect(access.checkWrite({ url: '/api/anomalies', headers })).toBe('unauthorized');
  });
});

describe('the cookie of a screen', () => {
  it('is renewed by any request once it is a day old, and not before', async () => {
    const first = await signIn(SCREEN);
    expect(await cookieSet('/api/symbols', asCookie(first))).toBeUndefined();
    now += DAY - 1000;
    expect(await cookieSet('/wall', asCookie(first))).toBeUndefined();
    now += 2000;
    const renewed = await cookieSet('/api/symbols', asCookie(first));
    expect(renewed).toMatchObject({ maxAge: YEAR_COOKIE, httpOnly: true, sameSite: 'Strict' });
    expect(renewed?.value).not.toBe(first);
    expect(await cookieSet('/api/symbols', asCookie(renewed?.value ?? ''))).toBeUndefined();
  });

  it('lasts for years of use, and ends 400 days after the last', async () => {
    let cookie = await signIn(SCREEN);
    for (let month = 0; month < 36; month += 1) {
      now += 30 * DAY;
      cookie = (await cookieSet('/api/symbols', asCookie(cookie)))?.value ?? 'lost';
    }
    expect((await get('/api/symbols', asCookie(cookie))).statusCode).toBe(200);
    now += 401 * DAY;
    const reply = await get('/api/symbols', asCookie(cookie));
    expect([reply.statusCode, reply.cookies]).toEqual([401, []]);
  });

  it('of a person is not renewed, nor is a forged or revoked one', async () => {
    const person = await signIn(VIEW);
    const screen = await signIn(SCREEN);
    now += 2 * DAY;
    expect(await cookieSet('/api/symbols', asCookie(person))).toBeUndefined();
    const [, name, expires, signature] = person.split('.');
    const forged = `display.${name}.${expires}.${signature}`;
    expect(access.checkAccess({ url: '/', headers: asCookie(forged) })).toBe('unauthorized');
    expect(access.renew({ url: '/', headers: asCookie(forged) })).toBeNull();
    const revoked = createAccess({ ...tokens, displayTokens: [{ name: 'hall', secret: 'another' }] }, () => now);
    expect(revoked.checkAccess({ url: '/', headers: asCookie(screen) })).toBe('unauthorized');
    expect(revoked.renew({ url: '/', headers: asCookie(screen) })).toBeNull();
  });
});

describe('a screen that is refused', () => {
  it('gets a page that asks again by itself, which no other page does', async () => {
    const html = { accept: 'text/html' };
    for (const url of ['/wall', '/wall?token=wrong']) {
      const reply = await get(url, html);
      expect([reply.statusCode, reply.body.includes('http-equiv="refresh"')], url).toEqual([401, true]);
    }
    expect((await get('/', html)).body).not.toContain('http-equiv');
  });
});

describe('DASHBOARD_DISPLAY_TOKENS', () => {
  it('alone guards the server, and its secrets are held to the same', () => {
    const { config, warnings } = parseConfig({ DASHBOARD_DISPLAY_TOKENS: 'hall:short' });
    expect(config.access).toEqual({
      kind: 'token',
      viewTokens: [],
      writeTokens: [],
      displayTokens: [{ name: 'hall', secret: 'short' }],
    });
    expect(warnings.join()).toContain('"hall" is shorter than 16');
  });

  it('guards nothing where access is off, and says so', () => {
    const { config, warnings } = parseConfig({ DASHBOARD_DISPLAY_TOKENS: `hall:${SCREEN}`, DASHBOARD_AUTH: 'off' });
    expect(config.access).toEqual({ kind: 'open', meant: true });
    expect(warnings.join()).toContain('DASHBOARD_DISPLAY_TOKENS guard nothing');
  });
});
