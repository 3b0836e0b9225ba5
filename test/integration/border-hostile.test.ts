/** What the built server is sent by who means it no good: paths, bodies, headers and parameters; and no secret comes out of it. */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Built, startBuilt } from '../support/built.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';

const VIEW = 'view-secret-of-some-length';
const WRITE = 'write-secret-of-some-length';
const HALL = 'hall-secret-of-some-length';

let database: TestDatabase;
let open: Built;
let guarded: Built;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  [open, guarded] = await Promise.all([
    startBuilt(database.url, { DASHBOARD_MAX_BODY_BYTES: '2048' }),
    startBuilt(database.url, {
      DASHBOARD_VIEW_TOKENS: `desk:${VIEW}`,
      DASHBOARD_WRITE_TOKENS: `bot:${WRITE}`,
      DASHBOARD_DISPLAY_TOKENS: `hall:${HALL}`,
      DASHBOARD_DEBUG: 'true',
    }),
  ]);
});

afterAll(async () => {
  await open?.stop();
  await guarded?.stop();
  await database?.drop();
});

const HOST = 'Host: 127.0.0.1';
const get = (path: string, server = open): Promise<RawAnswer> =>
  rawRequest(server.port, `GET ${path} HTTP/1.1\r\n${HOST}`);
const post = (body: string, head = 'Content-Type: application/json', path = '/api/system-metrics') =>
  rawRequest(
    open.port,
    `POST ${path} HTTP/1.1\r\n${HOST}\r\n${head}\r\nContent-Length: ${Buffer.byteLength(body)}`,
    body,
  );
const problem = z.object({ status: z.number(), detail: z.string() });

/** A refusal names what is wrong and nothing of the inside. */
function expectRefusal({ status, body, headers }: RawAnswer, statuses: readonly number[]): void {
  expect(statuses).toContain(status);
  expect(body).not.toMatch(/node_modules|\.ts:\d|\.js:\d|at \w+ \(|root:x:|select |postgres:\/\//i);
  if (headers['content-type']?.startsWith('application/problem+json')) {
    expect(problem.parse(JSON.parse(body)).status).toBe(status);
  }
}

/** The server goes on. */
async function expectAlive(server: Built): Promise<void> {
  expect((await get('/api/health/live', server)).status).toBe(200);
}

describe('a path', () => {
  it.each([
    '/../package.json',
    '/../../../../../../etc/passwd',
    '/%2e%2e/package.json',
    '/%2e%2e%2f%2e%2e%2fpackage.json',
    '/..%2f..%2fpackage.json',
    '/%252e%252e%252fpackage.json',
    '/..%255c..%255cpackage.json',
    '/..\\..\\package.json',
    '/%5c..%5c..%5cpackage.json',
    '/..;/package.json',
    '/assets/../../server/main.js',
    '/assets/..%2f..%2fserver%2fmain.js',
    '/assets/....//....//package.json',
    '//etc/passwd',
    '/index.html%00.js',
    '/%00',
    '/assets/%00/../../package.json',
    '/%c0%ae%c0%ae/package.json',
    '/%ff',
    '/%',
    '/%zz',
    '/.env',
    '/.git/config',
    '/assets/.',
    '/assets',
    'http://evil.example/../package.json',
    '/api/streams/../../package.json',
    '/api/streams/%2e%2e%2f%2e%2e/rows',
    '/api/streams/__proto__/rows',
    '/api/streams/constructor/keys',
    '/api/chart/__proto__?symbol=a',
    '/api/chart/toString',
    `/${'a'.repeat(15_000)}`,
    `/${'../'.repeat(2000)}etc/passwd`,
  ])('as %s leads to nothing', async (path) => {
    const answer = await get(path);
    expectRefusal(answer, [400, 403, 404, 414, 421, 431]);
    expect(answer.body).not.toContain('"dependencies"');
    await expectAlive(open);
  });

  it.each(['*', '/ HTTP/1.1\r\nX-Smuggled: 1\r\n\r\nGET /', 'evil', ''])('as %j harms nothing', async (target) => {
    await get(target);
    await expectAlive(open);
  });

  it('that is none is told of without the token in it, and with the headers of any answer', async () => {
    const { status, headers, body } = await get('/%?token=abc&x=1');
    expect([status, headers['x-content-type-options']]).toEqual([400, 'nosniff']);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(body).toContain('/%?token=***&x=1');
  });
});

describe('a parameter', () => {
  it.each([
    ['__proto__', '/api/streams/anomalies/rows?__proto__=1'],
    ['constructor.prototype', '/api/streams/anomalies/rows?constructor.prototype=1'],
    ['__proto__[x]', '/api/streams/anomalies/rows?__proto__[limit]=1'],
    ['a list for one', '/api/streams/anomalies/rows?limit=1&limit=2'],
    ['a key with NUL', '/api/streams/anomalies/rows?key=a%00b'],
    ['a key with a line end', '/api/streams/anomalies/rows?key=a%0d%0aSet-Cookie:x'],
    ['a key that is too long', `/api/streams/anomalies/rows?key=${'k'.repeat(300)}`],
    ['no number', '/api/data/BTC/USDT?hours=1e3'],
    ['minus one', '/api/data/BTC/USDT?limit=-1'],
    ['more than is allowed', '/api/streams/anomalies/rows?limit=10001'],
    ['a word for a number', '/api/data/BTC/USDT?hours=NaN'],
    ['infinity', '/api/chart/anomalies?symbol=a&points=Infinity'],
    ['a date that is none', '/api/streams/anomalies/rows?from=2026-02-31'],
    ['a year beyond time', '/api/streams/anomalies/rows?to=99999999999999999'],
    ['a cursor that is none', '/api/streams/anomalies/rows?cursor=%27%3B--'],
    [
      'a cursor of another stream',
      `/api/streams/anomalies/rows?cursor=${Buffer.from('funding_rates 1 1').toString('base64url')}`,
    ],
    ['a format that is none', '/api/streams/anomalies/rows?format=xml'],
  ])('%s is refused with its name', async (_what, path) => {
    expectRefusal(await get(path), [400]);
  });

  it.each(["BTC'; drop table anomalies; --", '" or 1=1', '$1', '%', '_', '\\', '{{7*7}}'])(
    'key=%s is a key like any other, which nothing has',
    async (key) => {
      const { status, body } = await get(`/api/streams/anomalies/rows?key=${encodeURIComponent(key)}`);
      expect([status, JSON.parse(body)]).toEqual([200, { rows: [], next_cursor: null }]);
    },
  );
});

const GOOD = { metric_name: 'cpu', metric_value: 1 };
const JSON_HEAD = 'Content-Type: application/json';

describe('a body', () => {
  it.each<[string, string, string, readonly number[]]>([
    ['with __proto__', '{"metric_name":"a","metric_value":1,"__proto__":{"admin":true}}', JSON_HEAD, [400]],
    ['with an escaped __proto__', '{"metric_name":"a","metric_value":1,"\\u005f_proto__":{}}', JSON_HEAD, [400]],
    ['with constructor.prototype', '{"metric_name":"a","constructor":{"prototype":{"x":1}}}', JSON_HEAD, [400]],
    ['of __proto__ in a list', '[{"metric_name":"a","metric_value":1,"__proto__":[]}]', JSON_HEAD, [400]],
    ['that is no JSON', '{"metric_name":', JSON_HEAD, [400]],
    ['that is empty', '', JSON_HEAD, [400]],
    ['that is null', 'null', JSON_HEAD, [400]],
    ['that is a text', '"cpu"', JSON_HEAD, [400]],
    ['that is nested without end', '['.repeat(1000) + ']'.repeat(1000), JSON_HEAD, [400]],
    ['with a number beyond numbers', '{"metric_name":"a","metric_value":1e999}', JSON_HEAD, [400]],
    ['with NUL in a text', '{"metric_name":"a\\u0000b","metric_value":1}', JSON_HEAD, [400]],
    ['with a lone half of a pair', '{"metric_name":"\\ud800","metric_value":1}', JSON_HEAD, [400]],
    ['that is too large', JSON.stringify({ ...GOOD, metric_unit: 'x'.repeat(3000) }), JSON_HEAD, [413]],
    ['as a form', 'metric_name=a&metric_value=1', 'Content-Type: application/x-www-form-urlencoded', [415]],
    ['as plain text', JSON.stringify(GOOD), 'Content-Type: text/plain', [415]],
    ['as text that speaks of JSON', JSON.stringify(GOOD), 'Content-Type: text/plain; application/json', [415]],
    ['as JSON of another kind', JSON.stringify(GOOD), 'Content-Type: application/jsonp', [415]],
    ['of no type', JSON.stringify(GOOD), 'X-None: 1', [415]],
    ['in another code', JSON.stringify(GOOD), `${JSON_HEAD}\r\nContent-Encoding: gzip`, [400, 415]],
  ])('%s is refused', async (_what, body, head, statuses) => {
    expectRefusal(await post(body, head), statuses);
    expect(Reflect.get({}, 'admin')).toBeUndefined();
    await expectAlive(open);
  });

  it('without an end that would be too large is refused before it has come', async () => {
    const head = `POST /api/system-metrics HTTP/1.1\r\n${HOST}\r\n${JSON_HEAD}\r\nContent-Length: 9999999999`;
    expectRefusal(await rawRequest(open.port, head, '['), [413]);
  });

  it.each<[string, string, string]>([
    ['two lengths', `${JSON_HEAD}\r\nContent-Length: 2\r\nContent-Length: 3`, '{}'],
    ['a length and pieces', `${JSON_HEAD}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked`, '0\r\n\r\n'],
    ['pieces of another kind', `${JSON_HEAD}\r\nTransfer-Encoding: chunked, identity`, '0\r\n\r\n'],
    ['a length below nought', `${JSON_HEAD}\r\nContent-Length: -1`, '{}'],
    ['a piece of no size', `${JSON_HEAD}\r\nTransfer-Encoding: chunked`, 'zz\r\n{}\r\n0\r\n\r\n'],
    ['a header over two lines', `${JSON_HEAD}\r\nX-A: a\r\n b\r\nContent-Length: 2`, '{}'],
    ['a space before the colon', `${JSON_HEAD}\r\nContent-Length : 2`, '{}'],
    ['a bare line feed', `${JSON_HEAD}\nX-Smuggled: 1\r\nContent-Length: 2`, '{}'],
    ['a head without end', `${JSON_HEAD}\r\nX-Long: ${'x'.repeat(20_000)}`, ''],
  ])('announced with %s smuggles nothing in', async (_what, head, body) => {
    const answer = await rawRequest(open.port, `POST /api/system-metrics HTTP/1.1\r\n${HOST}\r\n${head}`, body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    await expectAlive(open);
  });
});

describe('an answer', () => {
  it.each([
    ['the way back of a link', `/%0d%0aSet-Cookie:%20a=b?token=${VIEW}`],
    ['the parameters of a link', `/?x=%0d%0aSet-Cookie:%20a=b&token=${VIEW}`],
    ['the symbol of a file', '/api/streams/anomalies/rows?format=csv&key=%0d%0aSet-Cookie:a=b'],
    ['the form', '/sign-in?to=/%0d%0aSet-Cookie:%20a=b'],
  ])('has no header that %s brought along', async (_what, path) => {
    const { text } = await get(path, guarded);
    expect(text).not.toMatch(/^set-cookie: *a=b/im);
  });

  it('takes nothing for a host that a proxy which nobody trusts names', async () => {
    const head = `GET /?token=${VIEW} HTTP/1.1\r\n${HOST}\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example`;
    const { status, headers, text } = await rawRequest(guarded.port, head);
    expect([status, headers.location]).toEqual([303, '/']);
    expect(text).not.toContain('evil.example');
  });
});

describe('a secret', () => {
  const SHOWN_ROUTES = ['/', '/wall', '/api/health', '/api/metrics', '/metrics', '/api/streams', '/api/asyncapi.json'];

  it('is in no answer and no line of the log, at debug, whatever it was sent with', async () => {
    const secrets = [VIEW, WRITE, HALL];
    const answers: string[] = [];
    for (const secret of secrets) {
      for (const path of [...SHOWN_ROUTES, '/api/none', '/api/anomalies?limit=x', '/%', '/sign-in']) {
        for (const head of [
          `GET ${path} HTTP/1.1\r\n${HOST}\r\nAuthorization: Bearer ${secret}`,
          `GET ${path}${path.includes('?') ? '&' : '?'}token=${secret} HTTP/1.1\r\n${HOST}`,
          `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer ${secret}`,
          `POST ${path} HTTP/1.1\r\n${HOST}\r\nAuthorization: Basic ${secret}\r\nContent-Length: 0`,
        ])
          answers.push((await rawRequest(guarded.port, head)).text);
      }
      const form = `token=${secret}`;
      const typed = 'Content-Type: application/x-www-form-urlencoded';
      const head = `POST /sign-in HTTP/1.1\r\n${HOST}\r\n${typed}\r\nContent-Length: ${form.length}`;
      answers.push((await rawRequest(guarded.port, head, form)).text);
      const body = `{"metric_name":"${secret}`;
      const broken = `POST /api/anomalies HTTP/1.1\r\n${HOST}\r\nAuthorization: Bearer ${WRITE}\r\n${JSON_HEAD}\r\nContent-Length: ${body.length}`;
      answers.push((await rawRequest(guarded.port, broken, body)).text);
      const feed = await FeedSocket.open(`${guarded.feedUrl}?token=${secret}&streams=anomalies&range=15m`);
      await feed.until(() => feed.of('synced').length === 1);
      answers.push(JSON.stringify(feed.frames));
      await feed.close();
      const refused = new FeedSocket(`${guarded.feedUrl}?token=${secret}&protocol=9`);
      await refused.until(() => refused.closed !== null);
      answers.push(refused.closed?.reason ?? '');
    }
    await rawRequest(guarded.port, `GET /?token=${VIEW} HTTP/1.1\r\n${HOST}\r\nBad Header: x`);
    for (const secret of [...secrets, database.config.password]) {
      expect(guarded.program.stderr + guarded.program.stdout).not.toContain(secret === 'test' ? ':test@' : secret);
      for (const answer of answers) expect(answer).not.toContain(secret === 'test' ? ':test@' : secret);
    }
    // The log was there to be looked at.
    expect(guarded.program.stderr).toContain('"path":"/api/asyncapi.json"');
  });
});

describe('a handshake', () => {
  it.each([
    ['from a foreign page', { origin: 'https://evil.example' }, ''],
    ['from a sandbox', { origin: 'null' }, ''],
    ['from a page whose host begins alike', { origin: 'http://127.0.0.1.evil.example' }, ''],
    ['with __proto__ among its streams', {}, '?streams=__proto__'],
    ['with a range beyond all', {}, '?streams=anomalies&range=99999d'],
    ['with NUL in a key', {}, '?streams=anomalies&keys=a%00b'],
  ])('%s gets no rows', async (_what, headers, query) => {
    const feed = new FeedSocket(open.feedUrl + query, { headers });
    await feed.until(() => feed.closed !== null || feed.of('error').length > 0);
    expect(feed.of('subscribed')).toEqual([]);
    expect(feed.of('snapshot')).toEqual([]);
    if (feed.closed === null) await feed.close();
    else expect(feed.closed.code).toBe(4403);
  });

  it('by POST, or with a version of long ago, is none', async () => {
    const statusOf = (method: string, version: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const asking = httpRequest(`${open.url}/feed`, {
          method,
          headers: {
            connection: 'upgrade',
            upgrade: 'websocket',
            'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
            'sec-websocket-version': version,
          },
        });
        asking.once('response', (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        asking.once('upgrade', (_response, socket) => {
          socket.destroy();
          resolve(101);
        });
        asking.once('error', reject);
        asking.end();
      });
    expect(await statusOf('GET', '13')).toBe(101);
    expect(await statusOf('GET', '7')).toBeGreaterThanOrEqual(400);
    expect(await statusOf('POST', '13')).toBeGreaterThanOrEqual(400);
    await expectAlive(open);
  });
});
