/** History as subscribers get it, against a real database: what is in it, in which order, with which digits. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSnapshot } from '../../server/db/history.ts';
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import type { Frame } from '../../shared/protocol.ts';
import { STREAM_LIST, STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { readFrames } from '../support/history.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { BEFORE_ALL } from '../support/timescale.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 0, 15, 12, 30, 20);
const at = (offset: number): Date => new Date(NOW + offset);

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await client.query(`truncate ${STREAM_LIST.map(({ table }) => table).join(', ')}`);
});

const WINDOW = { kind: 'window', ms: HOUR } as const;

const snapshots = (stream: StreamDeclaration, request: Partial<SnapshotRequest> = {}) =>
  readFrames(client, stream, { now: NOW, ...request });

async function only(stream: StreamDeclaration, request: Partial<SnapshotRequest>): Promise<Frame<'snapshot'>> {
  const [first, ...others] = await snapshots(stream, request);
  expect(others).toEqual([]);
  if (first === undefined) throw new Error('no snapshot came');
  return first.frame;
}

async function rate(
  offset: number,
  row: { symbol?: string; exchange?: string | null; rate?: string; created?: Date } = {},
): Promise<void> {
  await client.query(
    'insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at) values ($1, $2, $3, $4, $5)',
    [
      at(offset),
      row.symbol ?? 'BTC/USDT',
      row.exchange === undefined ? 'binance' : row.exchange,
      row.rate ?? '0.0001',
      row.created ?? at(offset),
    ],
  );
}

async function metric(offset: number, value: string | number, name = 'latency', created = at(offset)): Promise<void> {
  await client.query(
    'insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit, created_at) values ($1, $2, $3, $4, $5)',
    [at(offset), name, value, 'ms', created],
  );
}

describe('what a snapshot holds', () => {
  it('F2 has every row from the start of the range on, those dated in the future too, by time and then id', async () => {
    await rate(-HOUR - 1, { rate: '9' });
    await rate(5 * HOUR, { rate: '4' });
    await rate(-HOUR, { rate: '1' });
    await rate(-1000, { rate: '2' });
    await rate(-1000, { rate: '3' });
    const frame = await only(STREAMS.funding_rates, { keys: ['BTC/USDT'] });
    expect(frame).toMatchObject({ from: NOW - HOUR, to: NOW, reduced: false, bucket_ms: null, rows_total: 4 });
    expect(frame.series).toHaveLength(1);
    expect(frame.series[0]).toMatchObject({
      name: 'binance',
      columns: {
        timestamp: [NOW - HOUR, NOW - 1000, NOW - 1000, NOW + 5 * HOUR],
        funding_rate: [1, 2, 3, 4],
        estimated_rate: [null, null, null, null],
        next_funding_time: [null, null, null, null],
      },
    });
  });

  it('F2 answers keys in order with their series in order, and only keys with rows in the range where none is named', async () => {
    await rate(-1000, { symbol: 'ETH/USDT', exchange: 'okx' });
    await rate(-2000, { symbol: 'ETH/USDT', exchange: 'bybit' });
    await rate(-1000, { symbol: 'BTC/USDT:USDT' });
    await rate(-1000, { symbol: 'BTC/USDT' });
    await rate(-2 * HOUR, { symbol: 'ADA/USDT' });
    const all = await snapshots(STREAMS.funding_rates);
    expect(all.map(({ frame }) => [frame.key, frame.series.map(({ name }) => name)])).toEqual([
      ['BTC/USDT', ['binance']],
      ['BTC/USDT:USDT', ['binance']],
      ['ETH/USDT', ['bybit', 'okx']],
    ]);
    const named = await snapshots(STREAMS.funding_rates, { keys: ['XRP/USDT', 'ADA/USDT', 'BTC/USDT', 'XRP/USDT'] });
    expect(named.map(({ frame }) => [frame.key, frame.series.length, frame.rows_total])).toEqual([
      ['XRP/USDT', 0, 0],
      ['ADA/USDT', 0, 0],
      ['BTC/USDT', 1, 1],
    ]);
  });

  it('F2 names the series of a stream without series null, and carries text columns', async () => {
    await metric(-1000, 1.5);
    const frame = await only(STREAMS.system_metrics, {});
    expect(frame.series).toMatchObject([
      { name: null, columns: { timestamp: [NOW - 1000], metric_value: [1.5], metric_unit: ['ms'] } },
    ]);
  });

  it('F8 keeps every digit of a decimal, microseconds of a time, and what JSON has no number for', async () => {
    await client.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values ('2026-01-15 12:30:00.123456+00', 'BTC/USDT', 'okx', 0.00010000)`,
    );
    const [rates] = await snapshots(STREAMS.funding_rates);
    expect(rates?.body).toContain('"timestamp":[1768480200123.456],"funding_rate":[0.00010000]');
    for (const value of ['NaN', 'Infinity', '-Infinity', '1e300', '0.1']) await metric(-1000, value);
    const frame = await only(STREAMS.system_metrics, {});
    expect(frame.series[0]?.columns.metric_value).toEqual(['NaN', 'Infinity', '-Infinity', 1e300, 0.1]);
  });

  it('F8 leaves out rows whose timestamp is infinite', async () => {
    await metric(-1000, 1);
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value) values ('infinity', 'latency', 2), ('${BEFORE_ALL}', 'latency', 3)`,
    );
    for (const range of [WINDOW, { kind: 'latest' } as const]) {
      expect((await only(STREAMS.system_metrics, { range })).series[0]?.columns.metric_value).toEqual([1]);
    }
  });

  it('has nothing of a key that no database can hold, and goes on', async () => {
    await rate(-1000);
    await metric(-1000, 1);
    for (const [stream, key] of [
      [STREAMS.funding_rates, 'BTC/USDT'],
      [STREAMS.system_metrics, 'latency'],
    ] as const) {
      const odd = ['a\0b', '\ud800', 'it\'s "odd"{,}\\', '', key];
      const read = await snapshots(stream, { keys: odd });
      expect(read.map(({ frame }) => frame.rows_total)).toEqual([0, 0, 0, 0, 1]);
    }
  });

  it('counts rows by minute over the last hour, and those of the minute that may begin before they are shown, whatever the range', async () => {
    const minute = Math.floor(NOW / 60_000) * 60_000;
    const start = minute - 59 * 60_000;
    for (const time of [
      start - 1,
      start,
      start + 30_000,
      NOW - 16 * 60_000,
      minute,
      NOW + 1000,
      minute + 60_000,
      minute + 120_000,
    ]) {
      await rate(time - NOW);
    }
    const expected = new Array<number>(61).fill(0);
    for (const [index, count] of [
      [0, 2],
      [Math.floor((NOW - 16 * 60_000 - start) / 60_000), 1],
      [59, 2],
      [60, 1],
    ] as const)
      expected[index] = count;
    for (const range of [
      WINDOW,
      { kind: 'window', ms: HOUR / 4 },
      { kind: 'window', ms: 24 * HOUR },
      { kind: 'latest' },
    ] as const) {
      const frame = await only(STREAMS.funding_rates, { keys: ['BTC/USDT'], range });
      expect(frame.minutes, JSON.stringify(range)).toEqual({ from: start, counts: expected });
    }
    expect((await only(STREAMS.funding_rates, { range: { kind: 'window', ms: HOUR / 4 } })).rows_total).toBe(4);
  });

  it('is of one moment: what is written while it is read is not in it', async () => {
    for (const name of ['a', 'b']) await metric(-1000, 1, name);
    const writer = await database.connect();
    await client.query('begin isolation level repeatable read read only');
    const keys: string[] = [];
    const request = { keys: null, range: WINDOW, resolution: { points: 16 }, now: NOW, pointLimit: 500_000 };
    await client.query('select 1 from system_metrics limit 1');
    await writer.query(`insert into system_metrics ("timestamp", metric_name, metric_value) values ($1, 'c', 1)`, [
      at(0),
    ]);
    for await (const { key } of readSnapshot(client, STREAMS.system_metrics, request)) keys.push(key);
    await client.query('commit');
    expect(keys).toEqual(['a', 'b']);
  });
});

describe('latest', () => {
  const latest = { range: { kind: 'latest' } } as const;

  it('F2 is the newest row of each series, however old or far in the future, whatever the index', async () => {
    for (const [exchange, offset, value] of [
      ['binance', -1000, '1'],
      ['binance', -500, '2'],
      ['okx', -30 * 24 * HOUR, '3'],
      ['bybit', 9 * HOUR, '4'],
      ['bybit', -1, '5'],
    ] as const) {
      await rate(offset, { exchange, rate: value });
    }
    const frame = await only(STREAMS.funding_rates, latest);
    expect(frame).toMatchObject({ from: null, to: null, reduced: false, bucket_ms: null, rows_total: 3 });
    expect(frame.series.map(({ name, columns }) => [name, columns.funding_rate])).toEqual([
      ['binance', [2]],
      ['bybit', [4]],
      ['okx', [3]],
    ]);

    // signal_predictions has no index that knows the series.
    for (const [type, offset, confidence] of [
      ['carry', -2000, 0.1],
      ['momentum', -1000, 0.2],
      ['carry', -40 * 24 * HOUR, 0.3],
      ['reversal', -50 * 24 * HOUR, 0.4],
      ['momentum', -3000, 0.5],
    ] as const) {
      await client.query(
        'insert into signal_predictions ("timestamp", symbol, signal_type, confidence) values ($1, $2, $3, $4)',
        [at(offset), 'BTC/USDT', type, confidence],
      );
    }
    const predictions = await only(STREAMS.signal_predictions, latest);
    expect(predictions.series.map(({ name, columns }) => [name, columns.confidence])).toEqual([
      ['carry', [0.1]],
      ['momentum', [0.2]],
      ['reversal', [0.4]],
    ]);

    await metric(-HOUR, 7);
    await metric(-2 * HOUR, 8);
    expect((await only(STREAMS.system_metrics, latest)).series[0]?.columns.metric_value).toEqual([7]);
  });

  it('F2 breaks a tie of timestamps by id', async () => {
    await metric(-1000, 1);
    await metric(-1000, 2);
    expect((await only(STREAMS.system_metrics, latest)).series[0]?.columns.metric_value).toEqual([2]);
  });
});

describe('rows that name no series', () => {
  beforeAll(async () => {
    await client.query('alter table funding_rates alter column exchange drop not null');
    await client.query('alter table signal_predictions alter column signal_type drop not null');
  });

  it('make a line without a name, in every range', async () => {
    for (const exchange of [null, 'okx', null]) await rate(-1000, { exchange });
    await rate(-1000, { exchange: null, symbol: 'ADA/USDT' });
    for (const type of [null, 'carry']) {
      await client.query(
        'insert into signal_predictions ("timestamp", symbol, signal_type, confidence) values ($1, $2, $3, 0.5)',
        [at(-1000), 'BTC/USDT', type],
      );
    }
    const shape = async (stream: StreamDeclaration, range: SnapshotRequest['range']) =>
      (await snapshots(stream, { range })).map(({ frame }) => [
        frame.key,
        frame.series.map(({ name, columns }) => [name, columns.timestamp?.length]),
      ]);
    expect(await shape(STREAMS.funding_rates, WINDOW)).toEqual([
      ['ADA/USDT', [[null, 1]]],
      [
        'BTC/USDT',
        [
          ['okx', 1],
          [null, 2],
        ],
      ],
    ]);
    expect(await shape(STREAMS.funding_rates, { kind: 'latest' })).toEqual([
      ['ADA/USDT', [[null, 1]]],
      [
        'BTC/USDT',
        [
          ['okx', 1],
          [null, 1],
        ],
      ],
    ]);
    for (const range of [WINDOW, { kind: 'latest' }] as const) {
      expect(await shape(STREAMS.signal_predictions, range)).toEqual([
        [
          'BTC/USDT',
          [
            ['carry', 1],
            [null, 1],
          ],
        ],
      ]);
    }
  });
});

describe('arrival', () => {
  it('is that of the row written last and not after now, and the spacing the median of the last 24 h', async () => {
    const written = [-50 * HOUR, -30 * HOUR, -600_000, -540_000, -420_000, -360_000];
    for (const offset of written) await rate(-HOUR / 2, { created: at(offset) });
    // Dated in the future, written in time; and a clock that is wrong altogether.
    await rate(8 * HOUR, { created: at(-300_000) });
    await rate(-1000, { created: at(2 * HOUR) });
    await rate(-1000, { exchange: 'okx', created: at(-5000) });
    const frame = await only(STREAMS.funding_rates, {});
    expect(frame.series.map(({ name, arrived, spacing_ms }) => [name, arrived, spacing_ms])).toEqual([
      ['binance', NOW - 300_000, 60_000],
      ['okx', NOW - 5000, null],
    ]);
  });

  it('is not mistaken for that of a burst at the end of a day of slower rows', async () => {
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
       select t, 'burst', 1, t from (
         select $1::timestamptz - interval '10 minutes' - i * interval '1 minute' as t from generate_series(1, 1200) i
         union all select $1::timestamptz - i * interval '1 second' from generate_series(1, 400) i) times`,
      [at(0)],
    );
    const frame = await only(STREAMS.system_metrics, { keys: ['burst'] });
    expect(frame.series[0]).toMatchObject({ arrived: NOW - 1000, spacing_ms: 60_000 });
  });

  it('takes rows of one statement for one arrival', async () => {
    for (const offset of [-90_000, -60_000, -30_000]) for (let i = 0; i < 5; i += 1) await metric(offset, i);
    const frame = await only(STREAMS.system_metrics, {});
    expect(frame.series[0]).toMatchObject({ arrived: NOW - 30_000, spacing_ms: 30_000 });
  });

  it('is never after now, though the database runs a little ahead', async () => {
    await metric(-1000, 1, 'latency', at(3000));
    expect((await only(STREAMS.system_metrics, {})).series[0]?.arrived).toBe(NOW);
  });

  it('is told of a quiet line too, whose rows lie behind very many of a loud one', async () => {
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score, created_at)
       select $1::timestamptz + i * interval '1 second', 'BTC/USDT', case when i = 0 then 'quiet' else 'loud' end, 1, 1,
         $1::timestamptz + i * interval '1 second' from generate_series(0, 1500) i`,
      [at(-HOUR)],
    );
    const frame = await only(STREAMS.anomalies, { range: { kind: 'window', ms: 2 * HOUR } });
    expect(frame.series.map(({ name, arrived, spacing_ms }) => [name, arrived, spacing_ms])).toEqual([
      ['loud', NOW - HOUR + 1_500_000, 1000],
      ['quiet', NOW - HOUR, null],
    ]);
  });
});
