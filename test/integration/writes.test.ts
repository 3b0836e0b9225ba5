/** Writing over HTTP: one row or many, all or nothing, refused as the table would refuse it, and by whoever may not write. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let client: pg.Client;
let open: Dashboard;
let guarded: Dashboard;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  [open, guarded] = await Promise.all([
    startDashboard(database.url, { DASHBOARD_MAX_BODY_BYTES: '200000' }),
    startDashboard(database.url, { DASHBOARD_VIEW_TOKENS: 'desk:view-1', DASHBOARD_WRITE_TOKENS: 'bot:write-1' }),
  ]);
});
afterAll(async () => {
  await open?.stop();
  await guarded?.stop();
  await client?.end();
  await database?.drop();
});

const ANOMALY = { symbol: 'BTC/USDT', data_type: 'funding_rate', value: 0.0012, z_score: -4.5 };
const METRIC = { metric_name: 'cpu', metric_value: 51.5 };
const JSON_TYPE = { 'content-type': 'application/json' };

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = JSON_TYPE,
  server = open,
): Promise<{ status: number; body: Record<string, unknown>; text: string }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const reply = await fetch(server.url + path, { method: 'POST', headers, body: text });
  const answer = await reply.text();
  const parsed: unknown = JSON.parse(answer);
  return { status: reply.status, body: typeof parsed === 'object' ? { ...parsed } : {}, text: answer };
}

const counted = async (table: string): Promise<number> =>
  Number((await client.query(`select count(*) from ${table}`)).rows[0]?.count);

describe('writing', () => {
  it('takes one row with all that the table holds, digit for digit, and answers its id', async () => {
    const full = {
      ...ANOMALY,
      timestamp: '2026-01-02T03:04:05.123456Z',
      threshold: 2.5,
      metadata: { a: [1, { b: null }], text: 'ü' },
    };
    const { status, body } = await post('/api/anomalies', full);
    expect(status).toBe(201);
    const { rows } = await client.query(
      `select id, symbol, data_type, value, z_score, threshold, metadata,
         (extract(epoch from "timestamp") * 1000000)::text as micros, now() - created_at < interval '1 minute' as is_new
       from anomalies where id = any($1)`,
      [body.ids],
    );
    const { timestamp: _, ...stored } = full;
    expect(rows).toEqual([{ id: expect.any(Number), ...stored, micros: '1767323045123456.000000', is_new: true }]);
  });

  it('gives what is left out as the table does: the moment, the threshold of 3, nulls', async () => {
    const { body } = await post('/api/anomalies', ANOMALY);
    const { rows } = await client.query(
      `select threshold, metadata, abs(extract(epoch from now() - "timestamp")) < 60 as is_now from anomalies where id = any($1)`,
      [body.ids],
    );
    expect(rows).toEqual([{ threshold: 3, metadata: null, is_now: true }]);
    const metric = await post('/api/system-metrics', { ...METRIC, timestamp: 1_767_323_045_123.5 });
    const { rows: metrics } = await client.query(
      `select metric_unit, (extract(epoch from "timestamp") * 1000)::float as ms from system_metrics where id = any($1)`,
      [metric.body.ids],
    );
    expect(metrics).toEqual([{ metric_unit: null, ms: 1_767_323_045_123.5 }]);
  });

  it('takes what JSON has no number for as its name', async () => {
    const named = [
      { ...METRIC, metric_value: 'NaN' },
      { ...METRIC, metric_value: '-Infinity' },
    ];
    const { body } = await post('/api/system-metrics', named);
    const { rows } = await client.query(
      'select metric_value::text from system_metrics where id = any($1) order by id',
      [body.ids],
    );
    expect(rows.map(({ metric_value }) => metric_value)).toEqual(['NaN', '-Infinity']);
  });

  it('F4 takes a thousand at once in their order, and every subscriber has each once', async () => {
    const feed = await FeedSocket.open(open.feedUrl);
    await feed.subscribe({ id: 'a', stream: 'anomalies', keys: ['MANY/USDT'] });
    const rows = Array.from({ length: 1000 }, (_, index) => ({ ...ANOMALY, symbol: 'MANY/USDT', value: index }));
    const { status, body } = await post('/api/anomalies', rows);
    expect(status).toBe(201);
    await feed.until(() => feed.deltaIds().length >= 1000);
    const delivered = feed.of('delta').flatMap((frame) => frame.rows);
    expect(delivered.map(({ id }) => id)).toEqual(body.ids);
    expect(delivered.map(({ value }) => value)).toEqual(rows.map(({ value }) => value));
    await feed.close();
  });

  it('takes an empty list, and writes nothing', async () => {
    expect(await post('/api/anomalies', [])).toMatchObject({ status: 201, body: { ids: [] } });
  });

  it('writes all of a request or nothing', async () => {
    const before = await counted('anomalies');
    const { status, body } = await post('/api/anomalies', [
      ANOMALY,
      { ...ANOMALY, value: 'x' },
      { ...ANOMALY, symbol: '' },
    ]);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { path: '1.value', message: expect.stringContaining('"x"') },
      { path: '2.symbol', message: expect.stringContaining('1 to 20 characters') },
    ]);
    expect(await counted('anomalies')).toBe(before);
  });
});

describe('what the table does not take is refused with the place, the value and what is accepted', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['no object', 5, 'body', /JSON object/],
    ['null', null, 'body', /JSON object/],
    ['nothing of it', {}, 'symbol', /missing/],
    ['a number for a symbol', { ...ANOMALY, symbol: 5 }, 'symbol', /5 is no text/],
    ['a symbol too long', { ...ANOMALY, symbol: 'x'.repeat(21) }, 'symbol', /1 to 20/],
    ['a control character', { ...ANOMALY, data_type: 'a\u0000b' }, 'data_type', /control/],
    ['a null value', { ...ANOMALY, value: null }, 'value', /null is no number/],
    ['text for a number', { ...ANOMALY, z_score: '4' }, 'z_score', /"4" is no number/],
    ['infinity in time', { ...ANOMALY, timestamp: 'infinity' }, 'timestamp', /no moment/],
    ['a day that is none', { ...ANOMALY, timestamp: '2026-02-30' }, 'timestamp', /no moment/],
    ['a time beyond year 9999', { ...ANOMALY, timestamp: 1e15 }, 'timestamp', /no moment/],
    ['an id', { ...ANOMALY, id: 1 }, 'body', /"id" cannot be written/],
    ['an unknown field', { ...ANOMALY, zscore: 1 }, 'body', /"zscore".*z_score/],
    ['text that jsonb does not take', { ...ANOMALY, metadata: { a: '\u0000' } }, 'body', /does not take/],
  ])('%s', async (_name, row, path, message) => {
    const before = await counted('anomalies');
    const { status, body } = await post('/api/anomalies', row);
    expect(status).toBe(400);
    expect(body.errors).toContainEqual({ path, message: expect.stringMatching(message) });
    expect(await counted('anomalies')).toBe(before);
  });

  it.each<[string, string, number]>([
    ['no JSON', '{"symbol":', 400],
    ['nothing', '', 400],
    ['another prototype', '{"__proto__": {"value": 1}, "symbol": "A"}', 400],
    [
      'a document too deep',
      `{"symbol":"A","data_type":"x","value":1,"z_score":1,"metadata":${'['.repeat(90_000)}${']'.repeat(90_000)}}`,
      400,
    ],
    ['more than the limit', JSON.stringify({ ...ANOMALY, metadata: 'x'.repeat(200_000) }), 413],
    ['more than a thousand rows', JSON.stringify(Array.from({ length: 1001 }, () => METRIC)), 400],
  ])('%s', async (_name, text, status) => {
    const answer = await post('/api/anomalies', text);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status, detail: expect.any(String) });
  });
});

describe('who may write', () => {
  it.each<[string, Record<string, string>, number]>([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', { 'content-type': 'text/plain' }, 415],
    ['JSON in name only', { 'content-type': 'application/jsonp' }, 415],
    ['a page of another site', { ...JSON_TYPE, origin: 'https://evil.example' }, 403],
    ['a page without an origin of its own', { ...JSON_TYPE, origin: 'null' }, 403],
  ])('not %s, on a server that is open to programs', async (_name, headers, status) => {
    const before = await counted('system_metrics');
    expect((await post('/api/system-metrics', METRIC, headers)).status).toBe(status);
    expect(await counted('system_metrics')).toBe(before);
  });

  it('a page of the server itself', async () => {
    expect((await post('/api/system-metrics', METRIC, { ...JSON_TYPE, origin: open.url })).status).toBe(201);
  });

  it.each<[string, Record<string, string>, number]>([
    ['nobody without a token', {}, 401],
    ['a wrong token', { authorization: 'Bearer nope' }, 401],
    ['a view token', { authorization: 'Bearer view-1' }, 403],
    ['a write token', { authorization: 'Bearer write-1' }, 201],
  ])('%s where tokens are set: %j is answered %i', async (_name, headers, status) => {
    const answer = await post('/api/system-metrics', METRIC, { ...JSON_TYPE, ...headers }, guarded);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/view-1|write-1/);
  });
});

it('a stream that is off is not written', async () => {
  const other = await freshDatabase({ migrated: true });
  const owner = await other.connect();
  await owner.query('alter table anomalies drop column z_score');
  const server = await startDashboard(other.url);
  try {
    expect(await post('/api/anomalies', ANOMALY, JSON_TYPE, server)).toMatchObject({
      status: 503,
      body: { stream: 'anomalies', reason: expect.stringContaining('z_score') },
    });
  } finally {
    await server.stop();
    await owner.end();
    await other.drop();
  }
});
