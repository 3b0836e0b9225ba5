/** The REST interface against a real database: documents, charts, lists, health and metrics. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { STREAM_LIST, STREAM_NAMES } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RestApp, restApp } from '../support/rest.ts';

const HOUR = 3_600_000;
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

describe('GET /api/data/{symbol}', () => {
  it.each([
    ['/api/data/BTC/USDT', 'BTC/USDT'],
    ['/api/data/BTC%2FUSDT', 'BTC/USDT'],
    ['/api/data/BTC%2fUSDT', 'BTC/USDT'],
    ['/api/data/BTC/USDT:USDT', 'BTC/USDT:USDT'],
    ['/api/data/BTC%2FUSDT%3AUSDT', 'BTC/USDT:USDT'],
  ])('%s is that of %s', async (url, symbol) => {
    for (const name of ['BTC/USDT', 'BTC/USDT:USDT', 'ETH/USDT']) await rate(-1000, name);
    const reply = await get(`${url}?hours=24`);
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.json()).toMatchObject({
      symbol,
      hours: 24,
      funding_rates: [{ symbol }],
      anomalies: [],
      performance: [],
      predictions: [],
    });
    expect(reply.json().funding_rates).toHaveLength(1);
  });

  it('has rows newest first across all series, those of the range and of the future, as many as the limit says', async () => {
    for (const [offset, exchange] of [
      [-2000, 'a'],
      [5 * HOUR, 'b'],
      [-3 * HOUR, 'c'],
      [-1000, 'c'],
      [-1000, 'a'],
      [-HOUR, 'b'],
      [-HOUR - 1, 'a'],
    ] as const) {
      await rate(offset, 'BTC/USDT', exchange);
    }
    const times = async (query: string): Promise<readonly number[]> => {
      const { funding_rates: rows } = (await get(`/api/data/BTC/USDT?${query}`)).json();
      return rows.map((row: { timestamp: number }) => row.timestamp - NOW);
    };
    expect(await times('hours=1')).toEqual([5 * HOUR, -1000, -1000, -2000, -HOUR]);
    expect(await times('hours=1&limit=2')).toEqual([5 * HOUR, -1000]);
    expect(await times('')).toEqual([5 * HOUR, -1000, -1000, -2000, -HOUR, -HOUR - 1, -3 * HOUR]);
    const { funding_rates: rows } = (await get('/api/data/BTC/USDT?hours=1')).json();
    expect(rows.map((row: { id: number }) => row.id)).toEqual([2, 5, 4, 1, 6]);
  });

  it('reads any number of rows whole, each once, ties and rows without a series among them', async () => {
    await client.query('alter table funding_rates alter column exchange drop not null');
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select to_timestamp($1::float8 / 1000) - (i / 7) * interval '1 second', 'BTC/USDT', case when i % 5 > 0 then 'e' || i % 5 end, 0
       from generate_series(1, 9000) i`,
      [NOW],
    );
    const reply = await get('/api/data/BTC/USDT?limit=10000');
    const { rows } = await client.query('select id from funding_rates order by "timestamp" desc, id desc');
    expect(reply.json().funding_rates.map((row: { id: number }) => row.id)).toEqual(rows.map(({ id }) => id));
    const some = await get('/api/data/BTC/USDT?limit=4321');
    expect(some.json().funding_rates.map((row: { id: number }) => row.id)).toEqual(
      rows.slice(0, 4321).map(({ id }) => id),
    );
  });

  it('F8 F9 keeps digits, NaN, infinities and nulls, and has documents whole however large', async () => {
    const big = { text: 'x'.repeat(300_000), deep: [{ pi: 3.14 }] };
    await client.query(
      `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl, features, metadata, created_at)
       values ($1, 'BTC/USDT', 't', 'NaN', '-Infinity', $2, null, $1), ($1, 'BTC/USDT', 't', 0.1, null, '{"big": 12345678901234567890.123}', '[]', $1)`,
      [new Date(NOW - 1), JSON.stringify(big)],
    );
    await rate(-1000.5, 'BTC/USDT', 'okx', '0.00000001');
    const reply = await get('/api/data/BTC/USDT');
    expect(reply.body).toContain('"funding_rate":0.00000001,"estimated_rate":null');
    expect(reply.body).toContain('12345678901234567890.123');
    expect(reply.json().predictions).toMatchObject([
      { confidence: 0.1, predicted_pnl: null, metadata: [] },
      { confidence: 'NaN', predicted_pnl: '-Infinity', features: big, metadata: null, created_at: NOW - 1 },
    ]);
  });

  it('answers an unknown symbol with no rows', async () => {
    expect((await get('/api/data/NO/SUCH')).json()).toEqual({
      symbol: 'NO/SUCH',
      hours: 24,
      funding_rates: [],
      anomalies: [],
      performance: [],
      predictions: [],
    });
  });

  it('leaves out a stream that is off, and says why', async () => {
    rest.status.streams.set('performance_metrics', {
      state: 'off',
      reason: 'no column symbol',
      mend: 'rename the table',
    });
    await client.query('alter table performance_metrics rename to elsewhere');
    await rate(-1000);
    const reply = await get('/api/data/BTC/USDT');
    await client.query('alter table elsewhere rename to performance_metrics');
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({
      funding_rates: [{}],
      performance: [],
      off: { performance: { reason: 'no column symbol', mend: 'rename the table' } },
    });
  });
});

describe('GET /api/chart/{chart}', () => {
  it.each(['funding_rates', 'anomalies', 'performance', 'performance_metrics', 'predictions', 'signal_predictions'])(
    '%s has a line a series of the symbol',
    async (chart) => {
      const values: Record<string, string> = {
        funding_rates: 'funding_rates ("timestamp", symbol, exchange, funding_rate) values ($1, $2, $3, 0.5)',
        anomalies: 'anomalies ("timestamp", symbol, data_type, value, z_score) values ($1, $2, $3, 0.5, 1)',
        performance: 'performance_metrics ("timestamp", symbol, strategy_id, pnl) values ($1, $2, $3, 0.5)',
        predictions: 'signal_predictions ("timestamp", symbol, signal_type, confidence) values ($1, $2, $3, 0.5)',
      };
      const short = chart.replace('performance_metrics', 'performance').replace('signal_predictions', 'predictions');
      for (const series of ['b', 'a', 'b']) {
        await client.query(`insert into ${values[short]}`, [new Date(NOW - 1000), 'ETH/USDT', series]);
        await client.query(`insert into ${values[short]}`, [new Date(NOW - 1000), 'BTC/USDT', 'c']);
      }
      const reply = await get(`/api/chart/${chart}?symbol=ETH/USDT&hours=6&points=100&whatever=1`);
      expect(reply.statusCode).toBe(200);
      expect(reply.headers['cache-control']).toBe('no-store');
      expect(reply.json()).toMatchObject({
        chart_type: chart,
        symbol: 'ETH/USDT',
        hours: 6,
        reduced: false,
        data: [
          { name: 'a', columns: { timestamp: [NOW - 1000] } },
          { name: 'b', columns: { timestamp: [NOW - 1000, NOW - 1000] } },
        ],
      });
      expect((await get(`/api/chart/${chart}`)).json()).toMatchObject({
        symbol: 'BTC/USDT',
        hours: 24,
        data: [{ name: 'c' }],
      });
      expect((await get(`/api/chart/${chart}?symbol=NO/SUCH`)).json()).toMatchObject({ symbol: 'NO/SUCH', data: [] });
    },
  );

  it('system_metrics has a line a metric: all of them, or those named', async () => {
    for (const name of ['b', 'a', 'c d/é']) {
      await client.query(
        `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit) values ($1, $2, 1.5, '%')`,
        [new Date(NOW - 1000), name],
      );
    }
    const names = async (query: string): Promise<readonly unknown[]> => {
      const reply = await get(`/api/chart/system_metrics${query}`);
      expect(reply.json()).toMatchObject({ chart_type: 'system_metrics', symbol: null, hours: 24 });
      return reply.json().data.map(({ name }: { name: string }) => name);
    };
    expect(await names('')).toEqual(['a', 'b', 'c d/é']);
    expect(await names('?metric_name=b')).toEqual(['b']);
    expect(await names(`?metric_name=b&metric_name=${encodeURIComponent('c d/é')}&metric_name=nothing`)).toEqual([
      'b',
      'c d/é',
    ]);
    expect((await get('/api/chart/system_metrics?metric_name=a')).json().data).toEqual([
      { name: 'a', columns: { timestamp: [NOW - 1000], metric_value: [1.5], metric_unit: ['%'] } },
    ]);
  });

  it('reduces what has more rows than points', async () => {
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select to_timestamp($1::float8 / 1000) - i * interval '1 second', 'BTC/USDT', 'okx', i / 1e6 from generate_series(1, 3000) i`,
      [NOW],
    );
    const chart = (await get('/api/chart/funding_rates?hours=1&points=100')).json();
    expect(chart).toMatchObject({ reduced: true, bucket_ms: 36_000, rows_total: 3000 });
    const { timestamp, funding_rate: rates } = chart.data[0].columns;
    expect(timestamp.length).toBe(rates.length);
    expect(timestamp.length).toBeLessThanOrEqual(404);
    expect(timestamp.at(-1)).toBe(NOW - 1000);
  });
});

describe('lists', () => {
  it('symbols are those of the database, a thousand and more, sorted and once each', async () => {
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select to_timestamp($1::float8 / 1000), 'S' || i || '/USDT', 'd', 0, 0 from generate_series(1, 1000) i`,
      [NOW],
    );
    for (const symbol of ['S7/USDT', 'BTC/USDT:USDT', 'BTC/USDT']) await rate(-1000, symbol);
    const reply = await get('/api/symbols');
    const { symbols } = reply.json();
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(symbols).toHaveLength(1002);
    expect(symbols).toEqual([...symbols].sort());
    rest.status.streams.set('anomalies', { state: 'off', reason: 'r', mend: 'm' });
    expect((await get('/api/symbols')).json()).toEqual({ symbols: ['BTC/USDT', 'BTC/USDT:USDT', 'S7/USDT'] });
  });

  it('streams are told with their units and their state, keys with their stream', async () => {
    rest.status.streams.set('anomalies', { state: 'off', reason: 'r', mend: 'm' });
    const { streams } = (await get('/api/streams')).json();
    expect(streams.map(({ name }: { name: string }) => name)).toEqual([...STREAM_NAMES]);
    expect(streams[0]).toMatchObject({
      key: 'symbol',
      series: 'exchange',
      values: [{ name: 'funding_rate', unit: 'fraction' }, { name: 'estimated_rate' }, { name: 'next_funding_time' }],
      state: 'live',
      newest_age_ms: null,
    });
    expect(streams[1]).toMatchObject({ name: 'anomalies', state: 'off', reason: 'r', mend: 'm', newest_age_ms: 1500 });
    await rate(-1000);
    expect((await get('/api/streams/funding_rates/keys')).json()).toEqual({
      stream: 'funding_rates',
      keys: ['BTC/USDT'],
    });
  });
});

describe('health and metrics', () => {
  it('is healthy with all live, and with a stream that cannot work', async () => {
    rest.status.streams.set('performance_metrics', { state: 'off', reason: 'r', mend: 'm' });
    const reply = await get('/api/health');
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(reply.json()).toMatchObject({
      status: 'healthy',
      timestamp: NOW,
      uptime: 60,
      database: 'connected',
      doorbell: 'up',
      clients: 3,
      version: '1.2.3',
      streams: {
        funding_rates: { state: 'live', newest_age_ms: null },
        anomalies: { state: 'live', newest_age_ms: 1500 },
        performance_metrics: { state: 'off', reason: 'r', mend: 'm' },
      },
    });
  });

  it('is degraded while a stream starts, and 503 while the database is away', async () => {
    rest.status.streams.set('anomalies', { state: 'starting' });
    const starting = await get('/api/health');
    expect([starting.statusCode, starting.json().status]).toEqual([200, 'degraded']);
    expect((await get('/api/health/ready')).statusCode).toBe(200);
    rest.status.database = 'down';
    const down = await get('/api/health');
    expect([down.statusCode, down.json().status, down.json().database]).toEqual([503, 'degraded', 'disconnected']);
    expect((await get('/api/health/ready')).statusCode).toBe(503);
    expect((await get('/api/health/live')).statusCode).toBe(200);
  });

  it('counts what was answered and what failed', async () => {
    const before = (await get('/api/health')).json();
    rest.status.database = 'down';
    await get('/api/symbols');
    await get('/api/nothing');
    rest.status.database = 'up';
    const after = (await get('/api/health')).json();
    expect([after.requests - before.requests, after.errors - before.errors]).toEqual([3, 1]);
    const metrics = await get('/api/metrics');
    expect(metrics.headers['cache-control']).toBe('no-store');
    expect(metrics.json()).toMatchObject({
      timestamp: NOW,
      clients: 0,
      feed: { clients_behind: 0, unacknowledged_bytes: 0, history_bytes: 0, logs: {} },
      counters: { http_requests_total: after.requests + 1 },
    });
  });
});
