/** From an INSERT by a plain SQL client to a subscriber of the real socket, on a real PostgreSQL. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { HYPERTABLES } from '../support/timescale.ts';

let database: TestDatabase;
let dashboard: Dashboard;
let writer: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  writer = await database.connect();
  dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '60' });
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'WARM/UP', 'x', 0)`,
  );
});

afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

beforeEach(async () => {
  await writer.query('delete from funding_rates');
  await writer.query('delete from anomalies');
});

const INSERT = `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), $1, $2, $3) returning id`;

async function insert(client: pg.Client, symbol: string, rate = '0.0001'): Promise<number> {
  const { rows } = await client.query<{ id: number }>(INSERT, [symbol, 'binance', rate]);
  return rows[0]?.id ?? Number.NaN;
}

async function idsIn(table: string): Promise<Set<number>> {
  const { rows } = await writer.query<{ id: number }>(`select id from ${table}`);
  return new Set(rows.map(({ id }) => id));
}

describe('the feed on a real database', () => {
  it('F1 says hello first, with the five streams and their units', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    expect(feed.frames[0]).toMatchObject({ type: 'hello', protocol: 1, tick_ms: 60_000, demo: false });
    expect(feed.of('hello')[0]?.streams).toContainEqual({
      name: 'funding_rates',
      key: 'symbol',
      series: 'exchange',
      values: [
        { name: 'funding_rate', unit: 'fraction' },
        { name: 'estimated_rate', unit: 'fraction' },
        { name: 'next_funding_time', unit: 'epoch_ms' },
      ],
    });
    await feed.close();
  });

  it('F4 F5 a row that a plain SQL client inserts reaches its subscribers by notification, and no others', async () => {
    const [mine, all, other] = await Promise.all([1, 2, 3].map(() => FeedSocket.open(dashboard.feedUrl)));
    if (mine === undefined || all === undefined || other === undefined) throw new Error('no sockets');
    await mine.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BTC/USDT'] });
    await all.subscribe({ id: 'b', stream: 'funding_rates' });
    await other.subscribe({ id: 'c', stream: 'funding_rates', keys: ['ETH/USDT'] });
    const id = await insert(writer, 'BTC/USDT', '0.00012345');
    await mine.until(() => mine.deltaIds().length > 0);
    await all.until(() => all.deltaIds().length > 0);
    expect(mine.of('delta')[0]).toMatchObject({
      stream: 'funding_rates',
      key: 'BTC/USDT',
      via: 'notify',
      rows: [
        { id, symbol: 'BTC/USDT', exchange: 'binance', funding_rate: 0.00012345, estimated_rate: null, metadata: null },
      ],
    });
    const ethId = await insert(writer, 'ETH/USDT');
    await other.until(() => other.deltaIds().length > 0);
    expect(other.deltaIds()).toEqual([ethId]);
    expect(mine.deltaIds()).toEqual([id]);
    await Promise.all([mine, all, other].map((feed) => feed.close()));
  });

  it('F2 a bare query string subscribes, with the stream for an id', async () => {
    const id = await insert(writer, 'BTC/USDT');
    const feed = await FeedSocket.open(`${dashboard.feedUrl}?streams=anomalies,funding_rates&keys=BTC/USDT&range=1h`);
    await feed.until(() => feed.of('synced').length === 2);
    const snapshot = feed.of('snapshot').find(({ stream }) => stream === 'funding_rates');
    expect(snapshot).toMatchObject({
      id: 'funding_rates',
      key: 'BTC/USDT',
      reduced: false,
      bucket_ms: null,
      rows_total: 1,
    });
    expect(snapshot?.series).toMatchObject([{ name: 'binance', columns: { funding_rate: [0.0001] } }]);
    const second = await insert(writer, 'BTC/USDT');
    await feed.until(() => feed.deltaIds().length > 0);
    expect(feed.deltaIds()).toEqual([second]);
    expect(second).not.toBe(id);
    expect(feed.of('delta')[0]?.prev).toBe(snapshot?.cursor);
    await feed.close();
  });

  it('F2 a query string may have whole subscribe frames, each with its own id, history and detail', async () => {
    await insert(writer, 'BTC/USDT');
    const frames = [
      { type: 'subscribe', id: 'a.0', stream: 'funding_rates', keys: ['BTC/USDT'], range: '1h', detail: 'values' },
      { type: 'subscribe', id: 'b.0', stream: 'system_metrics', range: '24h', points: 100 },
    ];
    const query = frames.map((frame) => `subscribe=${encodeURIComponent(JSON.stringify(frame))}`).join('&');
    const feed = await FeedSocket.open(`${dashboard.feedUrl}?protocol=1&${query}`);
    await feed.until(() => feed.of('synced').length === 2);
    expect(feed.frames[0]?.type).toBe('hello');
    expect(
      feed
        .of('subscribed')
        .map(({ id, stream, keys }) => ({ id, stream, keys }))
        .sort((a, b) => a.id.localeCompare(b.id)),
    ).toEqual([
      { id: 'a.0', stream: 'funding_rates', keys: ['BTC/USDT'] },
      { id: 'b.0', stream: 'system_metrics', keys: null },
    ]);
    const second = await insert(writer, 'BTC/USDT');
    await feed.until(() => feed.deltaIds().length > 0);
    expect(feed.deltaIds()).toEqual([second]);
    await feed.close();
  });

  it('F4 a transaction held open while later ones commit loses and doubles nothing', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.subscribe({ id: 'a', stream: 'funding_rates' });
    const late = await database.connect();
    await late.query('begin');
    const early = await insert(late, 'BTC/USDT');
    await late.query('savepoint s');
    await insert(late, 'ETH/USDT');
    await late.query('rollback to savepoint s');
    await late.query('savepoint t');
    const afterSavepoint = await insert(late, 'SOL/USDT');
    const others: number[] = [];
    for (let i = 0; i < 50; i += 1) others.push(await insert(writer, 'BTC/USDT'));
    await feed.until(() => feed.deltaIds().length === 50);
    expect(feed.deltaIds()).toEqual(others);
    await late.query('commit');
    await feed.until(() => feed.deltaIds().length === 52);
    expect(new Set(feed.deltaIds())).toEqual(new Set([...others, early, afterSavepoint]));
    await feed.close();
  });

  it('F4 20,000 rows of one statement and a COPY arrive whole, once, in order', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BULK/1'], detail: 'values' });
    await writer.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now(), 'BULK/1', 'binance', i * 0.000001 from generate_series(1, 20000) i`,
    );
    await feed.until(() => feed.deltaIds().length >= 20_000, 30_000);
    const copy = writer.query(copyFrom(`copy funding_rates ("timestamp", symbol, exchange, funding_rate) from stdin`));
    // Of hypertables only the tick brings what is dated further back than hours, and here it does not come.
    const time = HYPERTABLES ? new Date().toISOString() : '2026-01-01T00:00:00Z';
    const lines = Array.from({ length: 5000 }, (_, i) => `${time}\tBULK/1\tbybit\t0.0000${1000 + i}\n`);
    await pipeline(Readable.from(lines), copy);
    await feed.until(() => feed.deltaIds().length >= 25_000, 30_000);
    const got = feed.deltaIds();
    expect(new Set(got)).toEqual(await idsIn('funding_rates'));
    expect(got).toHaveLength(25_000);
    expect(got).toEqual([...got].sort((a, b) => a - b));
    await feed.close();
  });

  it('F2 F4 snapshot and deltas together are the table, under concurrent writes', async () => {
    const writers = await Promise.all([1, 2, 3].map(() => database.connect()));
    let writing = true;
    const work = writers.map(async (client, index) => {
      for (let i = 0; writing && i < 2000; i += 1) {
        await client.query('begin');
        await insert(client, i % 2 === 0 ? 'BTC/USDT' : 'ETH/USDT', String(index / 1000));
        await client.query(i % 7 === 0 ? 'rollback' : 'commit');
      }
    });
    const feeds: { feed: FeedSocket; rates: Map<string, number> }[] = [];
    for (let i = 0; i < 6; i += 1) {
      const feed = await FeedSocket.open(dashboard.feedUrl);
      await feed.subscribe({
        id: 'a',
        stream: 'funding_rates',
        keys: ['BTC/USDT', 'ETH/USDT'],
        range: '1h',
        points: 10_000,
      });
      feeds.push({ feed, rates: new Map() });
    }
    writing = false;
    await Promise.all(work);
    const { rows } = await writer.query<{ symbol: string; times: string[] }>(
      `select symbol, array_agg((extract(epoch from "timestamp") * 1000)::float8::text order by "timestamp", id) as times
       from funding_rates group by symbol`,
    );
    for (const { feed } of feeds) {
      for (const { symbol, times } of rows) {
        const seen = (): number[] => [
          ...feed
            .of('snapshot')
            .filter(({ key }) => key === symbol)
            .flatMap(({ series }) => series.flatMap(({ columns }) => (columns.timestamp ?? []).map(Number))),
          ...feed
            .of('delta')
            .filter(({ key }) => key === symbol)
            .flatMap((frame) => frame.rows.map(({ timestamp }) => timestamp)),
        ];
        await feed.until(() => seen().length >= times.length);
        expect(seen().sort((a, b) => a - b)).toEqual(times.map(Number).sort((a, b) => a - b));
      }
      await feed.close();
    }
  });

  it('F3 the deltas of a channel are a chain', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BTC/USDT'], range: '1h' });
    for (let i = 0; i < 30; i += 1) await insert(writer, 'BTC/USDT');
    await feed.until(() => feed.deltaIds().length === 30);
    const chain = [feed.of('snapshot')[0]?.cursor, ...feed.of('delta').map(({ cursor }) => cursor)];
    expect(feed.of('delta').map(({ prev }) => prev)).toEqual(chain.slice(0, -1));
    await feed.close();
  });

  it('F8 F9 NaN, infinities, nulls, decimals and huge documents pass as they should', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    const texts: string[] = [];
    feed.socket.on('message', (data) => texts.push(String(data)));
    await feed.subscribe({ id: 'a', stream: 'anomalies' });
    await feed.subscribe({ id: 'f', stream: 'funding_rates' });
    const document = JSON.stringify({ blob: 'x'.repeat(20_000) });
    await writer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold, metadata) values
       (now(), 'BTC/USDT', 'x', 'NaN', 'Infinity', null, $1), (now(), 'BTC/USDT', 'x', '-Infinity', -3.5, 3, '{"a": {"b": [1, 2]}}'),
       ('infinity', 'BTC/USDT', 'x', 1, 1, 1, null)`,
      [document],
    );
    await feed.until(() => feed.deltaIds().length === 2);
    expect(feed.of('delta')[0]?.rows).toMatchObject([
      { value: 'NaN', z_score: 'Infinity', threshold: null, metadata: { omitted_bytes: document.length + 1 } },
      { value: '-Infinity', z_score: -3.5, threshold: 3, metadata: { a: { b: [1, 2] } } },
    ]);
    await insert(writer, 'BTC/USDT', '-0.00000001');
    await insert(writer, 'BTC/USDT', '99.12345678');
    await feed.until(() => feed.deltaIds().length === 4);
    expect(texts.filter((text) => text.includes('"funding_rate":-0.00000001'))).toHaveLength(1);
    expect(texts.filter((text) => text.includes('"funding_rate":99.12345678'))).toHaveLength(1);
    await feed.close();
  });

  it('F8 a timestamp keeps its microseconds, and a row of the future is in the snapshot', async () => {
    await writer.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values ('2030-01-01T00:00:00.123456Z', 'FUT/USDT', 'x', 1)`,
    );
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['FUT/USDT'], range: '1h' });
    expect(feed.of('snapshot')[0]?.series[0]?.columns.timestamp).toEqual([1893456000123.456]);
    await feed.close();
  });

  it('F13 sends heartbeats that say what is up and how fresh each stream is', async () => {
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.until(() => feed.of('heartbeat').length > 0);
    const [beat] = feed.of('heartbeat');
    expect(beat).toMatchObject({ database: 'up', doorbell: 'up' });
    expect(Object.keys(beat?.freshness ?? {})).toHaveLength(5);
    await feed.close();
  });
});
