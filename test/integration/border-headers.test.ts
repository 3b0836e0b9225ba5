/** Headers of every route of the built server, what other origins may read, and the names that it answers to. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Built, startBuilt } from '../support/built.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';

const SECRET = 'view-secret-of-some-length';
const LISTED = 'https://desk.example';

let database: TestDatabase;
let listing: Built;
let anyone: Built;
let bare: Built;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  [listing, anyone, bare] = await Promise.all([
    startBuilt(database.url, {
      DASHBOARD_ALLOWED_ORIGINS: `${LISTED},http://board.example:8080`,
      DASHBOARD_VIEW_TOKENS: `desk:${SECRET}`,
      DASHBOARD_WRITE_TOKENS: 'bot:write-secret-of-some-length',
      DASHBOARD_MAX_READS_PER_ADDRESS: '0',
      DASHBOARD_TRUST_PROXY: '127.0.0.1',
    }),
    startBuilt(database.url, { DASHBOARD_ALLOWED_ORIGINS: '*' }),
    startBuilt(database.url),
  ]);
});

afterAll(async () => {
  await Promise.all([listing, anyone, bare].map((server) => server?.stop()));
  await database?.drop();
});

/** A request as a browser sends it for a page of another origin. */
const request = (server: Built, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  rawRequest(
    server.port,
    [
      `${method} ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${server.port}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ].join('\r\n'),
  );
const BEARER = { authorization: `Bearer ${SECRET}` };

const POLICY =
  "default-src 'none';script-src 'self';style-src 'self';font-src 'self';img-src 'self' data:;connect-src 'self';" +
  "manifest-src 'self';worker-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none'";

/** The policy of an answer: a page may have scripts in itself, by their hashes. */
function policyOf(path: string, body: string): string {
  const isPage = path === '/' || path === '/wall';
  const hashes = [...body.matchAll(/<script>(.*?)<\/script>/gs)].map(
    ([, code]) =>
      ` 'sha256-${createHash('sha256')
        .update(code ?? '')
        .digest('base64')}'`,
  );
  expect(hashes).toHaveLength(isPage ? 1 : 0);
  return POLICY.replace("script-src 'self'", `script-src 'self'${hashes.join('')}`);
}

const ROUTES: readonly [path: string, status: number][] = [
  ['/', 200],
  ['/wall', 200],
  ['/sign-in', 200],
  ['/sign-out', 200],
  ['/sign-in.css', 200],
  ['/api/health', 200],
  ['/api/health/live', 200],
  ['/api/health/ready', 200],
  ['/api/metrics', 200],
  ['/metrics', 200],
  ['/api/symbols', 200],
  ['/api/streams', 200],
  ['/api/streams/anomalies/keys', 200],
  ['/api/streams/anomalies/rows', 200],
  ['/api/streams/anomalies/rows?format=csv', 200],
  ['/api/anomalies', 200],
  ['/api/system-metrics', 200],
  ['/api/data/BTC/USDT', 200],
  ['/api/chart/anomalies?symbol=BTC/USDT', 200],
  ['/api/asyncapi.json', 200],
  ['/api/streams/none/rows', 404],
  ['/api/none', 404],
  ['/none', 404],
  ['/api/anomalies?limit=x', 400],
  ['/feed', 404],
];

describe('every answer', () => {
  it.each(ROUTES)('at %s (%i) keeps a page to itself, guesses no type and tells no address', async (path, status) => {
    const { status: answered, headers, body } = await request(listing, path, BEARER);
    expect([path, answered]).toEqual([path, status]);
    expect(headers).toMatchObject({
      'content-security-policy': policyOf(path, body),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-permitted-cross-domain-policies': 'none',
      'x-dns-prefetch-control': 'off',
      'permissions-policy': expect.stringContaining('camera=(), display-capture=(), geolocation=()'),
    });
    expect(headers['referrer-policy']).toBe(/^\/sign-(in|out)$/.test(path) ? 'same-origin' : 'no-referrer');
    expect(headers['strict-transport-security']).toBeUndefined();
    expect(headers['x-powered-by'] ?? headers.server).toBeUndefined();
  });

  it('of a file of the page has them too, and needs the token', async () => {
    const page = await request(listing, '/', BEARER);
    const files = [...page.body.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(files.length).toBeGreaterThan(1);
    for (const path of files) {
      const { status, headers } = await request(listing, path, BEARER);
      expect([path, status, headers['content-security-policy']]).toEqual([path, 200, POLICY]);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect((await request(listing, path)).status).toBe(401);
    }
  });

  it.each(ROUTES.filter(([path]) => !/^\/(api\/health|sign-|feed)/.test(path)))(
    'at %s needs the token',
    async (path) => {
      const { status, body, headers } = await request(listing, path);
      expect([status, headers['content-security-policy']]).toEqual([401, POLICY]);
      expect(body).toContain('a token is needed');
    },
  );

  it('that came over https binds the browser to it, as far as a trusted proxy says so', async () => {
    const https = { 'x-forwarded-proto': 'https' };
    expect((await request(listing, '/', https)).headers['strict-transport-security']).toBe('max-age=15552000');
    expect((await request(bare, '/', https)).headers['strict-transport-security']).toBeUndefined();
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'CONNECT', 'PROPFIND'])(
    'to %s at a page or a route that only reads is a refusal',
    async (method) => {
      for (const path of ['/', '/api/symbols']) {
        const { status } = await request(bare, path, { 'content-length': '0' }, method);
        expect(status === 0 || (status >= 400 && status < 500), `${method} ${path}: ${status}`).toBe(true);
      }
    },
  );
});

const crossing = ({ headers }: RawAnswer) => ({
  origin: headers['access-control-allow-origin'],
  credentials: headers['access-control-allow-credentials'],
  varies: /\borigin\b/i.test(headers.vary ?? ''),
});
const preflight = (server: Built, origin: string, asked = 'authorization') =>
  request(
    server,
    '/api/streams',
    { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': asked },
    'OPTIONS',
  );

describe('pages of other origins', () => {
  it('that are listed may read and ask beforehand, with cookies', async () => {
    for (const origin of [LISTED, 'http://board.example:8080']) {
      const asked = await preflight(listing, origin);
      expect([asked.status, crossing(asked)]).toEqual([204, { origin, credentials: 'true', varies: true }]);
      expect(asked.headers['access-control-allow-methods']).toBe('GET, HEAD, POST');
      expect(asked.headers['access-control-allow-headers']).toBe('authorization, content-type');
      const answer = await request(listing, '/api/streams', { origin, ...BEARER });
      expect([answer.status, crossing(answer)]).toEqual([200, { origin, credentials: 'true', varies: true }]);
      // Otherwise the page could not tell a refusal from a server that is away.
      const refused = await request(listing, '/api/streams', { origin });
      expect([refused.status, crossing(refused).origin]).toEqual([401, origin]);
    }
  });

  it.each([
    'https://evil.example',
    'https://desk.example.evil.example',
    'https://evildesk.example',
    'http://desk.example',
    'https://desk.example:444',
    'https://DESK.example',
    'null',
    'file://',
    '*',
  ])('%s may not, and no cache takes the answer for another', async (origin) => {
    const asked = await preflight(listing, origin);
    expect(asked.status).toBeGreaterThanOrEqual(400);
    const answer = await request(listing, '/api/streams', { origin, ...BEARER });
    for (const told of [asked, answer])
      expect(crossing(told)).toEqual({ origin: undefined, credentials: undefined, varies: true });
  });

  it('may all read where all are allowed, and never with cookies', async () => {
    for (const answer of [
      await preflight(anyone, 'https://evil.example'),
      await request(anyone, '/api/streams', { origin: 'https://evil.example' }),
    ]) {
      expect(answer.status).toBeLessThan(300);
      expect(crossing(answer)).toEqual({ origin: '*', credentials: undefined, varies: true });
    }
  });

  it('may not where none is listed', async () => {
    const answer = await request(bare, '/api/streams', { origin: LISTED });
    expect(crossing(answer)).toEqual({ origin: undefined, credentials: undefined, varies: false });
    expect((await preflight(bare, LISTED)).status).toBe(405);
  });
});

describe('a foreign name that leads here', () => {
  it.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:8050',
    '0.0.0.0',
    '169.254.169.254',
    '[::ffff:8.8.8.8]',
    '127.0.0.1@evil.example',
    'evil.example/127.0.0.1',
    '',
  ])('%j gets nothing from any kind of route', async (host) => {
    for (const path of ['/', '/api/streams', '/api/health', '/metrics', '/feed']) {
      const answer = await rawRequest(bare.port, `GET ${path} HTTP/1.1\r\nHost: ${host}`);
      expect([path, answer.status]).toEqual([path, 421]);
    }
    const posted = await rawRequest(
      bare.port,
      `POST /api/anomalies HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2`,
      '{}',
    );
    expect(posted.status).toBe(421);
  });

  it('is answered where its origin is allowed', async () => {
    const answer = await rawRequest(listing.port, 'GET /api/health/live HTTP/1.1\r\nHost: desk.example');
    expect(answer.status).toBe(200);
  });
});
