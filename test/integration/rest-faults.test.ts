/** The REST interface against a real database: an answer that names the fault for everything that is wrong. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { STREAM_LIST, STREAM_NAMES } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RestApp, restApp } from '../support/rest.ts';

const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);

let database: TestDatabase;
let client: pg.Client;
let rest: RestApp;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  rest = await restApp(database.config, { now: () => NOW, pointLimit: 20_000, keyLimit: 50 });
});
afterAll(async () => {
  await rest.close();
  await database.drop();
});
beforeEach(async () => {
  await client.query(`truncate ${STREAM_LIST.map(({ table }) => table).join(', ')} restart identity`);
  rest.status.streams.clear();
  rest.status.database = 'up';
});

const get = (url: string) => rest.app.inject({ method: 'GET', url });

async function rate(offset: number, symbol = 'BTC/USDT', exchange = 'okx', value = '0.00010000'): Promise<void> {
  await client.query(
    'insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at) values ($1, $2, $3, $4, $1)',
    [new Date(NOW + offset), symbol, exchange, value],
  );
}

describe('what is wrong', () => {
  const longSymbol = 'A'.repeat(201);
  it.each([
    ['/api/data/BTC/USDT?hours=0', [['hours', /"0" is not accepted; give a whole number from 1 to 168/]]],
    ['/api/data/BTC/USDT?hours=169', [['hours', /"169"/]]],
    ['/api/data/BTC/USDT?hours=', [['hours', /""/]]],
    ['/api/data/BTC/USDT?hours=1.5', [['hours', /"1.5"/]]],
    ['/api/data/BTC/USDT?hours=-1', [['hours', /"-1"/]]],
    ['/api/data/BTC/USDT?hours=NaN', [['hours', /"NaN"/]]],
    ['/api/data/BTC/USDT?hours=1e1', [['hours', /"1e1"/]]],
    ['/api/data/BTC/USDT?hours=99999999999999999999', [['hours', /"99999999999999999999"/]]],
    ['/api/data/BTC/USDT?hours=1&hours=2', [['hours', /\["1","2"\].*once/]]],
    ['/api/data/BTC/USDT?limit=10001', [['limit', /"10001".*from 1 to 10000/]]],
    [
      '/api/data/BTC/USDT?hours=x&limit=y',
      [
        ['hours', /"x"/],
        ['limit', /"y"/],
      ],
    ],
    ['/api/data/', [['symbol', /""/]]],
    ['/api/data/%00', [['symbol', /\\u0000.*BTC\/USDT/]]],
    [
      `/api/data/${longSymbol}?hours=0`,
      [
        ['symbol', /AAA\.\.\./],
        ['hours', /"0"/],
      ],
    ],
    ['/api/chart/funding_rates?points=15', [['points', /"15".*from 16 to 10000/]]],
    [
      '/api/chart/funding_rates?points=10001&hours=abc&symbol=',
      [
        ['points', /"10001"/],
        ['hours', /"abc"/],
        ['symbol', /""/],
      ],
    ],
    ['/api/chart/anomalies?symbol=A&symbol=B', [['symbol', /\["A","B"\]/]]],
    ['/api/chart/system_metrics?metric_name=', [['metric_name', /""/]]],
    [`/api/chart/system_metrics?${'metric_name=a&'.repeat(51)}`, [['metric_name', /51 values.*at most 50/]]],
    [
      '/api/chart/system_metrics?points=10000&metric_name=a&metric_name=b&metric_name=c',
      [['points', /3 keys.*30000 points; at most 20000/]],
    ],
  ] as const)('%.60s is 400, with every fault at once', async (url, faults) => {
    const reply = await get(url);
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(reply.headers['cache-control']).toBe('no-store');
    const problem = reply.json();
    expect(problem).toMatchObject({ type: 'about:blank', title: 'Bad Request', status: 400 });
    expect(new Set(problem.errors.map(({ path }: { path: string }) => path))).toEqual(
      new Set(faults.map(([path]) => path)),
    );
    for (const [path, message] of faults) {
      expect(problem.errors.find((error: { path: string }) => error.path === path).message).toMatch(message);
      expect(problem.detail).toContain(`${path}: `);
    }
  });

  it.each([
    ['/api/chart/nothing', /"nothing" is no chart; there are funding_rates/],
    ['/api/chart/toString', /"toString" is no chart/],
    ['/api/streams/nothing/keys', /"nothing" is no stream; there are funding_rates, anomalies/],
    ['/api/nothing', /nothing is at \/api\/nothing/],
    ['/nowhere?token=secret', /nothing is at \/nowhere;/],
  ])('%s is 404', async (url, detail) => {
    const reply = await get(url);
    expect([reply.statusCode, reply.headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
    expect(reply.json()).toMatchObject({ title: 'Not Found', status: 404, detail: expect.stringMatching(detail) });
  });

  it.each(['/api/health', '/api/symbols', '/api/data/BTC/USDT', '/api/chart/anomalies', '/api/streams/anomalies/keys'])(
    'POST to %s is 405, and says what is accepted',
    async (url) => {
      const reply = await rest.app.inject({ method: 'POST', url, payload: {} });
      expect([reply.statusCode, reply.headers.allow]).toEqual([405, 'GET, HEAD']);
      expect(reply.headers['content-type']).toMatch(/problem\+json/);
      expect(reply.json()).toMatchObject({ status: 405, detail: expect.stringContaining('accepted: GET, HEAD') });
    },
  );

  it('an address that cannot be decoded is 400 as a problem too', async () => {
    const reply = await get('/api/data/%E0%A4%A');
    expect([reply.statusCode, reply.headers['content-type']]).toEqual([400, 'application/problem+json; charset=utf-8']);
    expect(reply.json()).toMatchObject({ status: 400 });
  });

  it('a stream that is off answers 503 with the reason and the mend', async () => {
    rest.status.streams.set('anomalies', { state: 'off', reason: 'the table is missing', mend: 'run migrate' });
    for (const url of ['/api/chart/anomalies', '/api/streams/anomalies/keys']) {
      const reply = await get(url);
      expect(reply.statusCode).toBe(503);
      expect(reply.json()).toMatchObject({
        status: 503,
        detail: 'stream anomalies is off: the table is missing. run migrate',
        reason: 'the table is missing',
        mend: 'run migrate',
      });
    }
  });

  it('a document of nothing but streams that are off answers 503', async () => {
    for (const name of STREAM_NAMES) rest.status.streams.set(name, { state: 'off', reason: 'r', mend: 'm' });
    expect((await get('/api/data/BTC/USDT')).statusCode).toBe(503);
  });

  it('a database that is known to be away answers 503', async () => {
    rest.status.database = 'down';
    for (const url of ['/api/symbols', '/api/data/BTC/USDT', '/api/chart/anomalies', '/api/streams/anomalies/keys']) {
      const reply = await get(url);
      expect([reply.statusCode, reply.headers['retry-after']]).toEqual([503, '5']);
    }
    expect((await get('/api/streams')).statusCode).toBe(200);
  });

  it('a table that went away answers 503, and anything unforeseen 500, without a word from the inside', async () => {
    await client.query('alter table anomalies rename to elsewhere');
    const gone = await get('/api/chart/anomalies');
    await client.query('alter table elsewhere rename to anomalies');
    expect(gone.statusCode).toBe(503);
    expect(gone.body).not.toContain('relation');

    await client.query(`alter table system_metrics rename to hidden`);
    await client.query(
      `create view system_metrics as select id, "timestamp", metric_name, (1 / (id - id))::float8 as metric_value, metric_unit, created_at from hidden`,
    );
    await client.query(`insert into hidden ("timestamp", metric_name, metric_value) values ($1, 'a', 1)`, [
      new Date(NOW),
    ]);
    const failed = await get('/api/chart/system_metrics');
    await client.query('drop view system_metrics');
    await client.query('alter table hidden rename to system_metrics');
    expect(failed.statusCode).toBe(500);
    expect(failed.json()).toMatchObject({ title: 'Internal Server Error', status: 500 });
    expect(failed.body).not.toMatch(/division|zero|select/i);
    expect((await get('/api/chart/system_metrics')).statusCode).toBe(200);
  });
});

describe('a database that fails', () => {
  it('that nobody answers for is 503', async () => {
    const nobody = await restApp({ ...database.config, port: 1 });
    for (const url of ['/api/symbols', '/api/data/BTC/USDT', '/api/chart/anomalies']) {
      const reply = await nobody.app.inject({ method: 'GET', url });
      expect([url, reply.statusCode, reply.headers['content-type']]).toEqual([
        url,
        503,
        'application/problem+json; charset=utf-8',
      ]);
      expect(reply.body).not.toMatch(/ECONNREFUSED|127\.0\.0\.1/);
    }
    await nobody.close();
  });

  it('and ends a connection in use is 503, and the next request is answered', async () => {
    await rate(-1000);
    await client.query('begin');
    await client.query('lock table funding_rates in access exclusive mode');
    const waiting = get('/api/chart/funding_rates');
    await expect
      .poll(async () => {
        const { rowCount } = await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name = 'alphapulse rest test' and datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rowCount;
      })
      .toBe(1);
    await client.query('rollback');
    expect((await waiting).statusCode).toBe(503);
    expect((await get('/api/chart/funding_rates')).statusCode).toBe(200);
  });
});
