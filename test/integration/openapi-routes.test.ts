/** The document of the REST interface and the server say the same: every route is described, and answers as it is described. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { buildApp } from '../../server/app.ts';
import { systemClock } from '../../server/clock.ts';
import { parseConfig } from '../../server/config.ts';
import { Counters } from '../../server/counted.ts';
import { KnownKeys } from '../../server/db/known-keys.ts';
import { Hub } from '../../server/feed/hub.ts';
import { createAccess } from '../../server/http/auth.ts';
import { isJson, type Json } from '../../server/http/json-schema.ts';
import { allOperations } from '../../server/http/openapi.ts';
import { EXAMPLES } from '../../server/http/openapi-examples.ts';
import { Telemetry } from '../../server/telemetry.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { LIMITS } from '../support/feed-harness.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { SetStatus } from '../support/rest.ts';
import { at, judgeOf } from '../support/schemas.ts';

const READER = 's-reader';
const WRITER = 's-writer';
const READY = { timeout: 20_000, interval: 100 };

let database: TestDatabase;
let dashboard: Dashboard;
let document: Json;
let judge: ReturnType<typeof judgeOf>;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  const client = await database.connect();
  for (const [table, columns, values] of [
    ['funding_rates', 'symbol, exchange, funding_rate, metadata', `'A/B', 'okx', 0.0001, '{"a": [1]}'`],
    ['funding_rates', 'symbol, exchange, funding_rate', `'A/B', 'bybit', 'NaN'`],
    ['anomalies', 'symbol, data_type, value, z_score', `'A/B', 'x', 1, 'Infinity'`],
    ['performance_metrics', 'symbol, strategy_id, pnl', `'A/B', 's', 1.5`],
    ['signal_predictions', 'symbol, signal_type, confidence', `'A/B', 't', 0.5`],
    ['system_metrics', 'metric_name, metric_value', `'cpu_usage', 41.5`],
  ])
    await client.query(`insert into ${table} ("timestamp", ${columns}) values (now(), ${values})`);
  await client.end();
  dashboard = await startDashboard(database.url, {
    DASHBOARD_VIEW_TOKENS: `reader:${READER}`,
    DASHBOARD_WRITE_TOKENS: `writer:${WRITER}`,
  });
  await vi.waitFor(async () => {
    const headers = { authorization: `Bearer ${READER}` };
    expect(await (await fetch(`${dashboard.url}/api/health`, { headers })).json()).toMatchObject({ status: 'healthy' });
    expect((await fetch(`${dashboard.url}/api/streams/anomalies/rows`, { headers })).status).toBe(200);
  }, READY);
  const reply = await fetch(`${dashboard.url}/api/openapi.json`, { headers: { authorization: `Bearer ${READER}` } });
  document = at({ parsed: await reply.json() }, 'parsed');
  judge = judgeOf(document);
});
afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

describe('the routes', () => {
  let app: FastifyInstance;
  let pool: pg.Pool;
  const routes = new Set<string>();
  beforeAll(async () => {
    const stop = noteRoutes(routes);
    const { config } = parseConfig({});
    pool = new pg.Pool(database.config);
    app = await buildApp({
      config,
      log: pino({ level: 'silent' }),
      db: pool,
      hub: new Hub(systemClock, LIMITS, { count: () => {}, failed: () => {}, prepare: async () => {} }),
      keys: new KnownKeys(pool),
      status: new SetStatus(),
      counters: new Counters(),
      telemetry: new Telemetry(),
      access: createAccess({ kind: 'open', meant: false }),
      hello: () => {
        throw new Error('nobody connects here');
      },
      version: '1.2.3',
      clientDir: '/where/no/page/was/built',
      startedAt: 0,
    });
    await app.ready();
    stop();
  });
  afterAll(async () => {
    await app?.close();
    await pool?.end();
  });

  it('are the operations of the document, and no others', () => {
    const { limits } = parseConfig({}).config;
    const documented = allOperations(limits).map(
      ({ method, path, route }) => `${method.toUpperCase()} ${route ?? path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    expect([...routes].sort()).toEqual(documented.sort());
    const { paths } = document;
    const described = Object.entries(isJson(paths) ? paths : {}).flatMap(([path, methods]) =>
      Object.keys(isJson(methods) ? methods : {}).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(
      allOperations(limits)
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    );
  });
});

/** Notes every route of the apps that are made from now on, as `GET /api/streams/:stream/rows`. */
function noteRoutes(routes: Set<string>): () => void {
  const created = (message: unknown): void => {
    const { fastify } = made.parse(message);
    fastify.addHook('onRoute', ({ method, url }: { method: string | string[]; url: string }) => {
      // HEAD is answered wherever GET is.
      for (const one of [method].flat()) if (one !== 'HEAD') routes.add(`${one} ${url}`);
    });
  };
  subscribe('fastify.initialization', created);
  return () => unsubscribe('fastify.initialization', created);
}

/** What Fastify tells of an app that was made. */
const made = z.object({
  fastify: z.custom<Pick<FastifyInstance, 'addHook'>>((value) => typeof value === 'object' && value !== null),
});

/** A request that is made, and what the document says of it. */
interface Asked {
  readonly operation: string;
  readonly url: string;
  readonly status: number;
  readonly token?: string | null;
  readonly body?: unknown;
}

const span = `from=${Date.UTC(2026, 0, 15)}&to=${Date.UTC(2026, 0, 16)}&bucket_ms=60000`;
const row = { symbol: 'A/B', data_type: 'x', value: 1, z_score: 'NaN', metadata: [1] };
const asked: readonly Asked[] = [
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/funding_rates/rows?limit=1', status: 200 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/anomalies/rows', status: 200 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/performance_metrics/rows', status: 200 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/signal_predictions/rows', status: 200 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/anomalies/rows?format=csv', status: 200 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/anomalies/rows?limit=0&nothing=1', status: 400 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/trades/rows', status: 404 },
  { operation: 'get /api/streams/{stream}/rows', url: '/api/streams/anomalies/rows', status: 401, token: null },
  { operation: 'get /api/anomalies', url: '/api/anomalies?symbol=A/B', status: 200 },
  { operation: 'get /api/system-metrics', url: '/api/system-metrics', status: 200 },
  { operation: 'get /api/data/{symbol}', url: '/api/data/A%2FB', status: 200 },
  { operation: 'get /api/data/{symbol}', url: '/api/data/A/B?hours=0', status: 400 },
  { operation: 'get /api/chart/{chart}', url: '/api/chart/funding_rates?symbol=A/B', status: 200 },
  { operation: 'get /api/chart/{chart}', url: '/api/chart/system_metrics?points=16', status: 200 },
  { operation: 'get /api/chart/{chart}', url: '/api/chart/nothing', status: 404 },
  {
    operation: 'get /api/streams/{stream}/checksum',
    url: `/api/streams/funding_rates/checksum?key=A/B&parts=2&${span}`,
    status: 200,
  },
  { operation: 'get /api/streams/{stream}/checksum', url: '/api/streams/funding_rates/checksum?key=A/B', status: 400 },
  { operation: 'post /api/anomalies', url: '/api/anomalies', status: 201, token: WRITER, body: row },
  { operation: 'post /api/anomalies', url: '/api/anomalies', status: 400, token: WRITER, body: [row, { id: 1 }] },
  { operation: 'post /api/anomalies', url: '/api/anomalies', status: 403, body: row },
  {
    operation: 'post /api/system-metrics',
    url: '/api/system-metrics',
    status: 201,
    token: WRITER,
    body: [{ metric_name: 'm', metric_value: 1 }],
  },
  { operation: 'get /api/symbols', url: '/api/symbols', status: 200 },
  { operation: 'get /api/streams', url: '/api/streams', status: 200 },
  { operation: 'get /api/streams/{stream}/keys', url: '/api/streams/system_metrics/keys', status: 200 },
  { operation: 'get /api/health', url: '/api/health', status: 200 },
  { operation: 'get /api/health', url: '/api/health', status: 200, token: null },
  { operation: 'get /api/health/live', url: '/api/health/live', status: 200, token: null },
  { operation: 'get /api/health/ready', url: '/api/health/ready', status: 200, token: null },
  { operation: 'get /api/metrics', url: '/api/metrics', status: 200 },
  { operation: 'get /metrics', url: '/metrics', status: 200 },
  { operation: 'get /api/openapi.json', url: '/api/openapi.json', status: 200 },
  { operation: 'get /api/asyncapi.json', url: '/api/asyncapi.json', status: 200 },
  { operation: 'post /api/client-errors', url: '/api/client-errors', status: 204, body: EXAMPLES.clientError },
  { operation: 'post /api/client-errors', url: '/api/client-errors', status: 400, body: {} },
  { operation: 'get /api/docs', url: '/api/docs', status: 200 },
  { operation: 'get /api/docs.css', url: '/api/docs.css', status: 200 },
  { operation: 'get /', url: '/', status: 200 },
  { operation: 'get /wall', url: '/wall', status: 200 },
];

describe('a real server answers as the document says', () => {
  it.each(asked)('$operation: $url is $status', async ({ operation, url, status, token = READER, body }) => {
    const reply = await fetch(dashboard.url + url, {
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    expect([reply.status, text]).toEqual([status, expect.anything()]);
    const [method = '', path = ''] = operation.split(' ');
    if (status === 204) expect(at(document, 'paths', path, method, 'responses', '204').content).toBeUndefined();
    if (text === '') return;
    const content = contentOf(at(document, 'paths', path, method, 'responses', String(status)));
    const type = reply.headers.get('content-type')?.split(';')[0] ?? '';
    expect(Object.keys(content)).toContain(type);
    const schema = at(content, type, 'schema');
    expect(judge(schema, type.endsWith('json') ? JSON.parse(text) : text)).toBe('');
  });

  it('all of its operations were asked, but for the socket', () => {
    const { limits } = parseConfig({}).config;
    const all = allOperations(limits).map(({ method, path }) => `${method} ${path}`);
    expect([...new Set([...asked.map(({ operation }) => operation), 'get /feed'])].sort()).toEqual(all.sort());
  });

  it('what is not documented is found', () => {
    const { schema } = at(document, 'paths', '/api/symbols', 'get', 'responses', '200', 'content', 'application/json');
    expect(judge(at({ schema }, 'schema'), { symbols: [] })).toBe('');
    expect(judge(at({ schema }, 'schema'), { symbols: [], more: 1 })).toContain('additional');
    expect(judge(at({ schema }, 'schema'), { symbols: [1] })).toContain('string');
  });
});

/** The media types of a response, which may stand elsewhere in the document. */
function contentOf(response: Json): Json {
  const reference = typeof response.$ref === 'string' ? response.$ref.replace('#/', '').split('/') : null;
  return at(reference === null ? response : at(document, ...reference), 'content');
}
