/** Holds the demo to what it writes into a real database: a whole week at first, the gap later, live rows on every stream. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../server/clock.ts';
import { INSTRUMENTS } from '../../server/demo/instruments.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { createHandClock, createTestDemo, type HandClock, type TestDemo } from '../support/demo.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const demos: TestDemo[] = [];
let database: TestDatabase;
let client: pg.Client;

function makeDemo(clock: Parameters<typeof createTestDemo>[1]['clock']): TestDemo {
  const demo = createTestDemo(database, { clock });
  demos.push(demo);
  return demo;
}

async function one<T>(text: string, values: unknown[] = []): Promise<T> {
  const { rows } = await client.query<{ value: T }>(`select (${text}) as value`, values);
  const [row] = rows;
  if (row === undefined) throw new Error(`no answer to ${text}`);
  return row.value;
}

const count = (table: StreamName, where = 'true'): Promise<number> =>
  one(`select count(*)::int from ${table} where ${where}`);

afterEach(async () => {
  for (const demo of demos.splice(0)) await demo.close();
});

describe('the first start', () => {
  let clock: HandClock;
  const progress: [number, number][] = [];
  beforeAll(async () => {
    database = await freshDatabase({ migrated: true });
    client = await database.connect();
    clock = createHandClock(Date.now());
    await makeDemo(clock).backfill((done, total) => progress.push([done, total]));
  }, 180_000);
  afterAll(() => database.drop());

  it('fills seven days of every stream, for every symbol and exchange', async () => {
    for (const stream of STREAM_NAMES) {
      const from = await one<number>(`select (extract(epoch from min("timestamp")) * 1000)::float8 from ${stream}`);
      const to = await one<number>(`select (extract(epoch from max("timestamp")) * 1000)::float8 from ${stream}`);
      expect(from).toBeGreaterThanOrEqual(clock.now() - 7 * DAY);
      expect(from).toBeLessThan(clock.now() - 6.5 * DAY);
      expect(to).toBeLessThanOrEqual(clock.now());
      expect(to).toBeGreaterThan(clock.now() - 2 * 60_000);
    }
    const series = 'select count(*)::int from (select distinct symbol, exchange from funding_rates) s';
    expect(await one(series)).toBe(INSTRUMENTS.length * 3);
    for (const table of ['anomalies', 'performance_metrics', 'signal_predictions']) {
      expect(await one(`select count(distinct symbol)::int from ${table}`)).toBe(INSTRUMENTS.length);
    }
    expect(
      await one(`select array_agg(distinct metric_name::text order by metric_name::text) from system_metrics`),
    ).toEqual(['cpu_load', 'latency', 'memory_heap', 'memory_rss', 'process_cpu', 'throughput']);
  });

  it('keeps an even distance between polls within each range that is looked at, the nearer the closer', async () => {
    const { rows } = await client.query<{ within: string; gaps: number[] }>(
      `select within, array_agg(distinct gap) as gaps from (
         select extract(epoch from "timestamp" - lag("timestamp") over (order by "timestamp"))::int as gap,
           case when age < 3600 then '1 h' when age between 3700 and 21000 then '6 h'
             when age between 22000 and 86400 then '24 h' when age > 90000 then '7 d' end as within
         from (select *, extract(epoch from to_timestamp($1::float8 / 1000) - "timestamp") as age from funding_rates) f
         where symbol = 'BTC/USDT' and exchange = 'okx') g
       where gap is not null and within is not null group by 1 order by 1`,
      [clock.now()],
    );
    expect(rows).toEqual([
      { within: '1 h', gaps: [30] },
      { within: '24 h', gaps: [240] },
      { within: '6 h', gaps: [60] },
      { within: '7 d', gaps: [1_800] },
    ]);
  });

  it('lets no line of the last day fall silent for three times its median spacing, but for a few random trades', async () => {
    for (const [table, series, share] of [
      ['funding_rates', 'exchange', 0],
      ['anomalies', 'data_type', 0],
      ['signal_predictions', 'signal_type', 0],
      ['performance_metrics', 'strategy_id', 0.03],
    ] as const) {
      const { rows } = await client.query<{ lines: number; silent: number }>(
        `select count(*)::int as lines, count(*) filter (where silence > greatest(30, 3 * median))::int as silent from (
           select symbol, ${series}, percentile_cont(0.5) within group (order by gap) as median,
             extract(epoch from to_timestamp($1::float8 / 1000) - max(created_at)) as silence
           from (select *, extract(epoch from created_at - lag(created_at)
                   over (partition by symbol, ${series} order by created_at)) as gap from ${table}
                 where created_at > to_timestamp($1::float8 / 1000) - interval '24 hours') g
           group by 1, 2) s`,
        [clock.now()],
      );
      expect(rows[0]?.lines).toBe(INSTRUMENTS.length * 3);
      expect(rows[0]?.silent).toBeLessThanOrEqual(share * INSTRUMENTS.length * 3);
    }
  });

  it('dates the writing of a row as the row, so that nothing of the past looks as if it came now', async () => {
    for (const stream of STREAM_NAMES) expect(await count(stream, 'created_at <> "timestamp"')).toBe(0);
  });

  it('tells its progress, from a part to the whole', () => {
    expect(progress.length).toBeGreaterThan(10);
    const total = progress.at(-1)?.[1];
    expect(progress.at(-1)).toEqual([total, total]);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).toSorted((a, b) => a - b));
  });

  it('writes z-scores that the rates in the table give again, those above the threshold and the calm ones', async () => {
    const { rows } = await client.query<{ z: number; recomputed: number }>(
      `select a.z_score as z, (a.value - w.mean) / w.deviation as recomputed
       from anomalies a cross join lateral (
         select avg(v)::float8 as mean, stddev_samp(v)::float8 as deviation from (
           select distinct on (bar) floor(extract(epoch from "timestamp") / 300) as bar, funding_rate::float8 as v
           from funding_rates f
           where f.symbol = a.symbol and f.exchange = a.metadata->>'exchange'
             and f."timestamp" between a."timestamp" - interval '25 hours' and a."timestamp"
             and extract(epoch from f."timestamp") < floor(extract(epoch from a."timestamp") / 300) * 300
             and extract(epoch from f."timestamp") >= floor(extract(epoch from a."timestamp") / 300) * 300 - 86400
           order by bar, "timestamp" desc) bars) w
       where a.symbol in ('BTC/USDT', 'SUI/USDT') and a.data_type = 'funding_rate'
       order by abs(a.z_score) >= a.threshold, a."timestamp" desc limit 12`,
    );
    expect(rows.length).toBe(12);
    for (const { z, recomputed } of rows) expect(recomputed).toBeCloseTo(z, 6);
  });

  it('a second start fills the gap alone, and goes on from what is there', async () => {
    const before = await client.query('select count(*)::int, max(id) from funding_rates');
    const newest = await one<Date>('select max("timestamp") from funding_rates');
    const last = await one<number>(`select funding_rate::float8 from funding_rates where symbol = 'ETH/USDT'
      and exchange = 'bybit' order by "timestamp" desc limit 1`);
    clock.set(clock.now() + 10 * 60_000);
    await makeDemo(clock).backfill(() => undefined);
    expect(await count('funding_rates', `id <= ${before.rows[0].max}`)).toBe(before.rows[0].count);
    expect(
      await one(`select min("timestamp") > $1 from funding_rates where id > ${before.rows[0].max}`, [newest]),
    ).toBe(true);
    // Ten minutes of a poll each half minute.
    expect(
      await count('funding_rates', `id > ${before.rows[0].max} and symbol = 'ETH/USDT' and exchange = 'bybit'`),
    ).toBe(20);
    const next = await one<number>(`select funding_rate::float8 from funding_rates where symbol = 'ETH/USDT'
      and exchange = 'bybit' and id > ${before.rows[0].max} order by "timestamp" limit 1`);
    expect(Math.abs(next - last)).toBeLessThan(0.00005);
    // The running figures go on counting; begun anew they would say 1.
    const trades = await one<number[]>(`select array_agg(trade_count order by "timestamp", id) from performance_metrics
      where symbol = 'BTC/USDT' and strategy_id = 'momentum'`);
    expect(trades).toEqual(trades.map((_, index) => index + 1));
  });

  it('a start after a long absence fills seven days back, and no further', async () => {
    const last = await one<number>('select max(id) from funding_rates');
    clock.set(clock.now() + 7 * DAY + 5 * HOUR);
    await makeDemo(clock).backfill(() => undefined);
    const oldest = await one<number>(
      `select (extract(epoch from min("timestamp")) * 1000)::float8 from funding_rates where id > ${last}`,
    );
    expect(oldest).toBeGreaterThan(clock.now() - 7 * DAY);
    expect(oldest).toBeLessThan(clock.now() - 7 * DAY + HOUR);
  }, 120_000);
});

describe('live', () => {
  beforeEach(async () => {
    database = await freshDatabase({ migrated: true });
    client = await database.connect();
    // An hour of history: enough to have trades open and detectors warm.
    await client.query(`insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
      values (now() - interval '4 hours', 'BTC/USDT', 'binance', 0.0001)`);
  });
  afterEach(async () => {
    for (const demo of demos.splice(0)) await demo.close();
    await database.drop();
  });

  it('rows come on every stream, of now, with the measured values as they are', async () => {
    const demo = makeDemo(systemClock);
    await demo.backfill(() => undefined);
    const marks = new Map<StreamName, number>();
    for (const stream of STREAM_NAMES) marks.set(stream, await one(`select coalesce(max(id), 0) from ${stream}`));
    demo.start();
    for (const stream of STREAM_NAMES) {
      await vi.waitFor(async () => expect(await count(stream, `id > ${marks.get(stream)}`)).toBeGreaterThan(0), {
        timeout: 40_000,
        interval: 100,
      });
    }
    await demo.stop();
    const mark = marks.get('system_metrics');
    const { rows } = await client.query(
      `select distinct metric_value, metric_unit, metadata from system_metrics where id > ${mark} and metric_name = 'latency'`,
    );
    expect(rows).toEqual([{ metric_value: 3.5, metric_unit: 'ms', metadata: { simulated: false } }]);
    expect(
      await count(
        'funding_rates',
        `id > ${marks.get('funding_rates')} and abs(extract(epoch from created_at - "timestamp")) > 30`,
      ),
    ).toBe(0);
  });

  it('goes on after its connections were cut', async () => {
    const demo = makeDemo(systemClock);
    await demo.backfill(() => undefined);
    demo.start();
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'alphapulse demo test'`);
    const mark = await one<number>('select max(id) from funding_rates');
    await vi.waitFor(async () => expect(await count('funding_rates', `id > ${mark}`)).toBeGreaterThan(5), {
      timeout: 20_000,
      interval: 100,
    });
  });

  it('a table of a foreign shape is left out, and the others get their rows', async () => {
    await client.query(
      'drop table performance_metrics; create table performance_metrics (id serial, "timestamp" timestamptz)',
    );
    const demo = makeDemo(systemClock);
    await demo.backfill(() => undefined);
    expect(await count('performance_metrics')).toBe(0);
    for (const stream of ['signal_predictions', 'system_metrics'] as const)
      expect(await count(stream)).toBeGreaterThan(100);
  });
});
