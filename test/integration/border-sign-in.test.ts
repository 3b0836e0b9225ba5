/** Signing in and out of the built server with a form: what it answers to whom, and where it leads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownPath } from '../../server/http/sign-in.ts';
import { type Built, startBuilt } from '../support/built.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const VIEW = 'view-secret-of-some-length';
const HALL = 'hall-secret-of-some-length';
const HTML = { accept: 'text/html,*/*' };

let database: TestDatabase;
let server: Built;
let open: Built;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  [server, open] = await Promise.all([
    startBuilt(database.url, {
      DASHBOARD_VIEW_TOKENS: `desk:${VIEW}`,
      DASHBOARD_DISPLAY_TOKENS: `hall:${HALL}`,
      DASHBOARD_MAX_FAILED_SIGN_INS: '0',
      DASHBOARD_TRUST_PROXY: '127.0.0.1',
    }),
    startBuilt(database.url),
  ]);
});

afterAll(async () => {
  await server?.stop();
  await open?.stop();
  await database?.drop();
});

const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(server.url + path, { redirect: 'manual', ...init, headers });
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = HTML) =>
  ask(path, headers, { method: 'POST', body: new URLSearchParams(form) });

describe('who shows no token', () => {
  it.each(['/', '/wall?symbols=BTC/USDT', '/?symbol=%22%3E%3Cscript%3E&range=1h', '/nothing/here'])(
    'gets the form at %s, which leads back there',
    async (path) => {
      const reply = await ask(path, HTML);
      const body = await reply.text();
      expect([reply.status, reply.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8']);
      expect(reply.headers.get('cache-control')).toBe('no-store');
      expect(reply.headers.get('www-authenticate')).toContain('Bearer');
      const to = /name="to" type="hidden" value="([^"]*)"/.exec(body)?.[1] ?? '';
      const decoded = to.replace(/&#(\d+);/g, (_match, code) => String.fromCharCode(Number(code)));
      expect(new URL(decoded, server.url).href).toBe(new URL(path, server.url).href);
      expect(body).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+=/i);
    },
  );

  it('gets a problem where it is a program', async () => {
    for (const path of ['/', '/api/streams']) {
      const reply = await ask(path);
      expect([reply.status, reply.headers.get('content-type')]).toEqual([
        401,
        'application/problem+json; charset=utf-8',
      ]);
    }
    expect((await ask('/api/streams', HTML)).headers.get('content-type')).toBe(
      'application/problem+json; charset=utf-8',
    );
  });

  it('gets the form at its own address, and its style', async () => {
    const form = await ask('/sign-in?to=/wall', HTML);
    expect([form.status, form.headers.get('referrer-policy')]).toEqual([200, 'same-origin']);
    expect(await form.text()).toContain('value="/wall"');
    const style = await ask('/sign-in.css');
    expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });
});

describe('the form', () => {
  it('sets the cookie and leads back, whatever space was copied along', async () => {
    const reply = await post('/sign-in', { token: ` ${VIEW}\n`, to: '/?symbol=ETH/USDT' });
    expect([reply.status, reply.headers.get('location')]).toEqual([303, '/?symbol=ETH/USDT']);
    const cookie = reply.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^alphapulse_session=[^;]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
    expect((await ask('/api/streams', { cookie: cookie.split(';')[0] ?? '' })).status).toBe(200);
  });

  it('signs a screen in for as long as a browser keeps a cookie', async () => {
    const reply = await post('/sign-in', { token: HALL, to: '/wall' });
    expect(reply.headers.get('set-cookie')).toContain(`Max-Age=${400 * 24 * 3600};`);
  });

  it('over https sets a cookie for https alone', async () => {
    const reply = await post('/sign-in', { token: VIEW }, { ...HTML, 'x-forwarded-proto': 'https' });
    expect(reply.headers.get('set-cookie')).toMatch(/; Secure$/);
    expect(reply.headers.get('strict-transport-security')).toBe('max-age=15552000');
  });

  it.each([
    ['wrong', { token: 'wrong-secret' }, 'This token is not accepted'],
    ['almost right', { token: VIEW.slice(0, -1) }, 'This token is not accepted'],
    ['empty', { token: '  ' }, 'Type the token in'],
    ['missing', {}, 'Type the token in'],
  ])('with a token that is %s says so, and sets nothing', async (_what, form, said) => {
    const reply = await post('/sign-in', { ...form, to: '/?a=1' });
    const body = await reply.text();
    expect([reply.status, reply.headers.get('set-cookie')]).toEqual([401, null]);
    expect(body).toContain(`role="alert">${said}`);
    expect(body).toContain('aria-invalid="true" aria-describedby="wrong"');
    expect(body).toContain('value="/?a=1"');
    expect(body).not.toContain('wrong-secret');
    expect((await post('/sign-in', form, {})).headers.get('content-type')).toBe(
      'application/problem+json; charset=utf-8',
    );
  });

  it('of the wall goes on asking by itself, and no other does', async () => {
    const wall = '/wall?symbols=BTC/USDT';
    for (const reply of [await ask(wall, HTML), await post('/sign-in', { token: 'wrong', to: wall })])
      expect(await reply.text()).toContain(`http-equiv="refresh" content="60;url=${wall}"`);
    for (const path of ['/', '/wallet']) expect(await (await ask(path, HTML)).text()).not.toContain('http-equiv');
  });

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '/..//evil.example',
    'http:evil.example',
    '/sign-in',
    '/sign-out',
    '',
  ])('never leads to %j', async (to) => {
    const reply = await post('/sign-in', { token: VIEW, to });
    expect(reply.status).toBe(303);
    const led = new URL(reply.headers.get('location') ?? '', server.url);
    expect(led.origin).toBe(server.url);
    expect(led.pathname).not.toMatch(/^\/sign-/);
  });

  it.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another site of an old browser', { origin: 'https://evil.example' }],
    ['nowhere, as a sandbox says', { origin: 'null' }],
    ['a neighbour', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
  ])('of %s signs nobody in or out', async (_who, headers) => {
    for (const path of ['/sign-in', '/sign-out']) {
      const reply = await post(path, { token: VIEW }, { ...HTML, ...headers });
      expect([reply.status, reply.headers.get('set-cookie')]).toEqual([403, null]);
    }
  });

  it('of its own page is taken by browsers old and new', async () => {
    for (const headers of [{ origin: server.url }, { origin: 'null', 'sec-fetch-site': 'same-origin' }])
      expect((await post('/sign-in', { token: VIEW }, { ...HTML, ...headers })).status).toBe(303);
  });

  it.each([
    ['JSON', { 'content-type': 'application/json' }, JSON.stringify({ token: VIEW }), 415],
    ['plain text', { 'content-type': 'text/plain' }, `token=${VIEW}`, 415],
    ['parts', { 'content-type': 'multipart/form-data; boundary=x' }, `--x--`, 415],
    ['too much', { 'content-type': 'application/x-www-form-urlencoded' }, `token=${'x'.repeat(10_000)}`, 413],
  ])('as %s is refused', async (_what, headers, body, status) => {
    const reply = await ask('/sign-in', { ...HTML, ...headers }, { method: 'POST', body });
    expect([reply.status, reply.headers.get('set-cookie')]).toEqual([status, null]);
  });
});

describe('signing out', () => {
  it('asks first, and takes the cookie away', async () => {
    const page = await ask('/sign-out', HTML);
    expect([page.status, page.headers.get('set-cookie')]).toEqual([200, null]);
    const reply = await post('/sign-out', {});
    expect([reply.status, reply.headers.get('location')]).toEqual([303, '/sign-in']);
    expect(reply.headers.get('set-cookie')).toMatch(/^alphapulse_session=; Path=\/; Max-Age=0; HttpOnly/);
  });
});

describe('a server without tokens', () => {
  it.each(['/sign-in', '/sign-out', '/sign-in.css'])('has nothing at %s', async (path) => {
    expect((await fetch(open.url + path)).status).toBe(404);
  });
});

it.each([
  ['/wall?a=b#c', '/wall?a=b#c'],
  ['//evil.example/x', '/evil.example/x'],
  ['/a/../b', '/b'],
  ['/%2f/evil.example', '/%2f/evil.example'],
  ['evil.example', '/'],
  ['/sign-out?to=/', '/'],
])('%s is led to as %s', (address, led) => {
  expect(ownPath(address)).toBe(led);
});
