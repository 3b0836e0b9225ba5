/** The market's rows: latest rates, hours of anomalies, and what is kept of them over reconnections. */
import { describe, expect, test } from 'vitest';
import { HourMarks } from '../../client/market/marks.ts';
import { isStale, Market } from '../../client/market/model.ts';
import {
  annualSpread,
  leadingRate,
  rateOn,
  rateText,
  spreadOf,
  spreadText,
  symbolParts,
} from '../../client/market/values.ts';
import type { Frame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/market-model.test.ts';
const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

type Series = Frame<'snapshot'>['series'][number];

function snapshot(stream: StreamName, key: string, series: Series[], extra: Partial<Frame<'snapshot'>> = {}) {
  const frame: Frame<'snapshot'> = {
    type: 'snapshot',
    id: 's',
    stream,
    key,
    cursor: 'c',
    from: null,
    to: null,
    reduced: false,
    bucket_ms: null,
    rows_total: 0,
    series,
    ...extra,
  };
  return frame;
}

function latest(exchange: string, rate: unknown, time: number, more: Partial<Series> = {}): Series {
  return { name: exchange, columns: { timestamp: [time], funding_rate: [rate] }, arrived: time, ...more };
}

function delta(
  stream: StreamName,
  key: string,
  time: number,
  rows: Record<string, unknown>[],
  via: Frame<'delta'>['via'] = 'notify',
): Frame<'delta'> {
  const made = rows.map((row, index) => ({ id: index + 1, timestamp: time, ...row }));
  return { type: 'delta', stream, key, prev: 'c', cursor: 'd', time, via, rows: made };
}

const rate = (exchange: string, funding_rate: unknown, more: Record<string, unknown> = {}) => ({
  exchange,
  funding_rate,
  ...more,
});
const anomaly = (z_score: unknown, more: Record<string, unknown> = {}) => ({ data_type: 'price', z_score, ...more });

function held(market: Market, symbol: string) {
  const row = market.row(symbol);
  if (row === undefined) throw new Error(`${symbol} is not held`);
  return row;
}

describe('rates', () => {
  test('of a history stand by exchange in order of name, with when they came and how often they do', () => {
    const market = new Market();
    const series = [latest('okx', 0.0002, NOW - 5000, { spacing_ms: 60_000 }), latest('binance', -0.0001, NOW - 1000)];
    market.load(snapshot('funding_rates', 'BTC/USDT', series), NOW);
    const { quotes } = held(market, 'BTC/USDT');
    expect(quotes.map(({ exchange }) => exchange)).toEqual(['binance', 'okx']);
    expect(quotes[1]).toMatchObject({ rate: 0.0002, time: NOW - 5000, arrivedAt: NOW - 5000, spacingMs: 60_000 });
  });

  test('follow the newest row by its own time; a late one only says that the line is alive', () => {
    const market = new Market();
    market.append(delta('funding_rates', 'A', NOW, [rate('x', 0.1), rate('x', 0.2)]));
    expect(held(market, 'A').quotes).toMatchObject([{ rate: 0.2, time: NOW }]);
    market.append(delta('funding_rates', 'A', NOW + 9, [rate('x', 0.9, { timestamp: NOW - HOUR })]));
    expect(held(market, 'A').quotes).toMatchObject([{ rate: 0.2, time: NOW, arrivedAt: NOW + 9, changedAt: NOW }]);
  });

  test('tell when they changed, not when they came again', () => {
    const market = new Market();
    market.append(delta('funding_rates', 'A', NOW, [rate('x', 0.1)]));
    market.append(delta('funding_rates', 'A', NOW + 1000, [rate('x', 0.1)]));
    expect(held(market, 'A').quotes[0]).toMatchObject({ arrivedAt: NOW + 1000, changedAt: NOW });
    market.append(delta('funding_rates', 'A', NOW + 2000, [rate('x', 0.2)]));
    expect(held(market, 'A').quotes[0]).toMatchObject({ changedAt: NOW + 2000 });
    // The same again as history, after a connection that was lost.
    market.restart('funding_rates');
    market.load(snapshot('funding_rates', 'A', [latest('x', 0.2, NOW + 2000)]), NOW + 5000);
    expect(held(market, 'A').quotes[0]).toMatchObject({ changedAt: NOW + 2000 });
  });

  test.each(['NaN', 'Infinity', '-Infinity', null])('that are no numbers (%s) are none', (value) => {
    const market = new Market();
    market.append(delta('funding_rates', 'A', NOW, [rate('x', value), rate('y', 0.1), rate('z', 0.4)]));
    const row = held(market, 'A');
    expect(rateOn(row, 'x', NOW).value).toBeNaN();
    expect(spreadOf(row, NOW).value).toBeCloseTo(0.3, 12);
  });

  test('missed ones came as long after their own time as the one before: what was silent is not fresh', () => {
    const market = new Market();
    market.append(delta('funding_rates', 'A', NOW, [rate('x', 0.1, { timestamp: NOW - 200 })]));
    const missed = rate('x', 0.2, { timestamp: NOW + 10_000 });
    market.append(delta('funding_rates', 'A', NOW + 90_000, [missed], 'replay'));
    expect(held(market, 'A').quotes[0]?.arrivedAt).toBe(NOW + 10_200);
  });

  test('know their interval from the payments that they announce, else from the habit of the exchange, else not', () => {
    const market = new Market();
    const next = (hours: number) => ({ next_funding_time: NOW + hours * HOUR });
    market.append(delta('funding_rates', 'A', NOW, [rate('binance', 0.1, next(1)), rate('own', 0.1, next(1))]));
    expect(held(market, 'A').quotes.map(({ intervalHours }) => intervalHours)).toEqual([8, null]);
    market.append(delta('funding_rates', 'A', NOW + 1, [rate('own', 0.1, next(5)), rate('binance', 0.1, next(5))]));
    expect(held(market, 'A').quotes.map(({ intervalHours }) => intervalHours)).toEqual([4, 4]);
    // A payment that is skipped does not make the interval longer.
    market.append(delta('funding_rates', 'A', NOW + 2, [rate('own', 0.1, next(17))]));
    expect(held(market, 'A').quotes.map(({ intervalHours }) => intervalHours)).toEqual([4, 4]);
  });

  test.each(seeds(8, [1, 2, 3]))('keep a spacing that comes to rest at the median, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const market = new Market();
      let now = NOW;
      for (let step = 0; step < 2000; step += 1) {
        // Mostly about 1 s, now and then a long silence, which a mean would follow.
        now += random() < 0.1 ? 60_000 : 800 + random() * 400;
        market.append(delta('funding_rates', 'A', now, [rate('x', random())]));
      }
      const spacing = held(market, 'A').quotes[0]?.spacingMs ?? 0;
      expect(spacing).toBeGreaterThan(800);
      expect(spacing).toBeLessThan(1400);
    }),
  );

  test('are stale after three spacings and at least 30 s, by the rule of the lines', () => {
    expect(isStale({ arrivedAt: NOW - 30_000, spacingMs: null }, NOW)).toBe(false);
    expect(isStale({ arrivedAt: NOW - 30_001, spacingMs: 1000 }, NOW)).toBe(true);
    expect(isStale({ arrivedAt: NOW - 179_000, spacingMs: 60_000 }, NOW)).toBe(false);
    expect(isStale({ arrivedAt: NOW - 181_000, spacingMs: 60_000 }, NOW)).toBe(true);
    expect(isStale({ arrivedAt: null, spacingMs: null }, NOW)).toBe(false);
  });
});

describe('the spread', () => {
  function row(...rates: (readonly [exchange: string, rate: number, arrivedAt: number])[]) {
    const market = new Market();
    const series = rates.map(([exchange, value, at]) => latest(exchange, value, at));
    market.load(snapshot('funding_rates', 'A', series), NOW);
    return held(market, 'A');
  }

  test('is the highest less the lowest of the fresh ones', () => {
    const spread = spreadOf(row(['a', 0.0003, NOW], ['b', -0.0001, NOW - 5], ['c', 9, NOW - 31_000]), NOW);
    expect(spread.value).toBeCloseTo(0.0004, 12);
    expect(spread).toMatchObject({ stale: false, arrivedAt: NOW });
  });

  test('is stale where fewer than two are fresh, and none where fewer than two have a rate', () => {
    expect(spreadOf(row(['a', 0.3, NOW], ['b', 0.1, NOW - 31_000]), NOW)).toMatchObject({ stale: true });
    expect(spreadOf(row(['a', 0.3, NOW]), NOW).value).toBeNaN();
    expect(spreadOf(row(), NOW).value).toBeNaN();
  });

  test('by the year compares exchanges that pay at different intervals, where those are known', () => {
    const shown = row(['binance', 0.0008, NOW], ['dydx', 0.0001, NOW], ['nobody', 5, NOW]);
    // 0.0008 every 8 h and 0.0001 every hour are the same by the year.
    expect(annualSpread(shown, NOW)).toBeCloseTo(0, 12);
    expect(annualSpread(row(['binance', 0.0008, NOW], ['nobody', 5, NOW]), NOW)).toBeNull();
  });

  test('and rates are written with sign, unit and as many digits as tell them apart', () => {
    expect([rateText(0.000125), rateText(-0.0123), rateText(0), rateText(Number.NaN)]).toEqual([
      '+0.0125%',
      '−1.230%',
      '0.0000%',
      '–',
    ]);
    expect([spreadText(0.00004), spreadText(Number.NaN)]).toEqual(['0.0040 pp', '–']);
    expect([symbolParts('BTC/USDT:USDT'), symbolParts('SPX'), symbolParts('/X')]).toEqual([
      ['BTC', '/USDT:USDT'],
      ['SPX', ''],
      ['/X', ''],
    ]);
  });

  test('leading: the first exchange of a list where there is a rate', () => {
    expect(leadingRate(row(['b', 0.2, NOW]), ['a', 'b'], NOW).value).toBe(0.2);
    expect(leadingRate(row(), ['a', 'b'], NOW).value).toBeNaN();
  });
});

describe('anomalies', () => {
  test('of a history count those above their own threshold, of all rows that the server counted', () => {
    const market = new Market();
    const columns = {
      timestamp: [NOW - 10 * MINUTE, NOW - 5 * MINUTE, NOW - MINUTE],
      z_score: [3.5, -6, 2],
      threshold: [3, 7, null],
    };
    const counts = new Array<number>(60).fill(0);
    counts[0] = 40;
    const minutes = { from: NOW - 59 * MINUTE, counts };
    market.load(snapshot('anomalies', 'A', [{ name: 'price', columns }], { minutes }), NOW);
    expect(held(market, 'A').anomalies(NOW)).toEqual({ count: 1, strongest: 3.5, rows: 43 });
    expect(held(market, 'A')).toMatchObject({ flashedAt: null, anomalyTime: NOW - 10 * MINUTE });
  });

  test('flash when they come, not when they were missed, and not below their threshold', () => {
    const market = new Market();
    market.append(delta('anomalies', 'A', NOW, [anomaly(2.9)]));
    expect(held(market, 'A').flashedAt).toBeNull();
    market.append(delta('anomalies', 'A', NOW, [anomaly(-5)], 'replay'));
    expect(held(market, 'A').flashedAt).toBeNull();
    market.append(delta('anomalies', 'A', NOW + 7, [anomaly(4), anomaly('NaN')]));
    expect(held(market, 'A').flashedAt).toBe(NOW + 7);
    expect(held(market, 'A').anomalies(NOW + 7)).toEqual({ count: 2, strongest: -5, rows: 4 });
  });

  test('stay for an hour, to the minute', () => {
    const marks = new HourMarks();
    marks.note(NOW, 4, true, NOW);
    const minute = Math.floor(NOW / MINUTE) * MINUTE;
    expect(marks.summary(minute + 60 * MINUTE - 1).count).toBe(1);
    expect(marks.summary(minute + 60 * MINUTE)).toEqual({ count: 0, strongest: 0, rows: 0 });
  });

  test('dated in the future count as of now; of more than an hour ago they do not', () => {
    const marks = new HourMarks();
    marks.note(NOW + 5 * HOUR, 4, true, NOW);
    marks.note(NOW - HOUR, 9, true, NOW);
    marks.note(Number.NaN, 9, true, NOW);
    expect(marks.summary(NOW)).toEqual({ count: 1, strongest: 4, rows: 1 });
  });

  test.each(seeds(10, [1, 2, 3]))('are those of a naive list, whatever comes when, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const marks = new HourMarks();
      const all: { minute: number; z: number; above: boolean }[] = [];
      let now = NOW;
      for (let step = 0; step < 400; step += 1) {
        now += random() < 0.02 ? random() * 3 * HOUR : random() * 2 * MINUTE;
        const time = now + (random() - 0.8) * 90 * MINUTE;
        const z = (random() - 0.5) * 12;
        const above = Math.abs(z) >= 3;
        marks.note(time, z, above, now);
        const minute = Math.floor(Math.min(time, now) / MINUTE);
        // What is late by more than an hour is never counted, however the clock goes on.
        if (minute > Math.floor(now / MINUTE) - 60) all.push({ minute, z, above });
        const first = Math.floor(now / MINUTE) - 60;
        const within = all.filter((one) => one.minute > first);
        const marked = within.filter((one) => one.above);
        const strongest = marked.reduce((best, one) => (Math.abs(one.z) > Math.abs(best) ? one.z : best), 0);
        const { count, rows, strongest: shown } = marks.summary(now);
        expect({ count, rows, strength: Math.abs(shown) }).toEqual({
          count: marked.length,
          rows: within.length,
          strength: Math.abs(strongest),
        });
      }
    }),
  );
});

describe('a history anew', () => {
  test('replaces what it brings and lets go what it does not, each stream for itself', () => {
    const market = new Market();
    const bring = (stream: StreamName, keys: string[]) => {
      market.restart(stream);
      for (const key of keys)
        market.load(
          snapshot(stream, key, [
            stream === 'anomalies'
              ? { name: 'p', columns: { timestamp: [NOW], z_score: [4], threshold: [3] } }
              : latest('x', 0.1, NOW),
          ]),
          NOW,
        );
      market.finish(stream);
    };
    bring('funding_rates', ['A', 'B']);
    bring('anomalies', ['B', 'C']);
    expect(market.size).toBe(3);
    const before = market.members;
    bring('funding_rates', ['A']);
    expect(market.members).toBeGreaterThan(before);
    expect(held(market, 'B').quotes).toEqual([]);
    expect(held(market, 'B').anomalies(NOW).count).toBe(1);
    bring('anomalies', []);
    expect([...market.rows()].map(({ symbol }) => symbol)).toEqual(['A']);
  });

  test('keeps showing what is held until it has come, and a row that came before its history too', () => {
    const market = new Market();
    market.load(snapshot('funding_rates', 'A', [latest('x', 0.1, NOW)]), NOW);
    market.restart('funding_rates');
    expect(held(market, 'A').quotes).toHaveLength(1);
    market.append(delta('funding_rates', 'NEW', NOW + 5, [rate('x', 0.5)]));
    market.finish('funding_rates');
    expect([...market.rows()].map(({ symbol }) => symbol)).toEqual(['NEW']);
  });

  test('other streams are nobody here', () => {
    const market = new Market();
    market.restart('system_metrics');
    market.load(snapshot('system_metrics', 'cpu', []), NOW);
    market.append(delta('signal_predictions', 'A', NOW, [{ confidence: 1 }]));
    market.finish('system_metrics');
    expect(market.size).toBe(0);
    expect(market.version).toBe(0);
  });
});
