/** The client's windows of rows, against a naive sorted array and by hand. */
import { describe, expect, test } from 'vitest';
import { RANGE_MS } from '../../client/model.ts';
import { Channel, staleAfterMs } from '../../client/series/channel.ts';
import { Columns } from '../../client/series/columns.ts';
import { keeperOf } from '../../client/series/keep.ts';
import { Minutes } from '../../client/series/minutes.ts';
import { Spacing } from '../../client/series/spacing.ts';
import { StreamSeries } from '../../client/series.ts';
import type { Frame } from '../../shared/protocol.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-series.test.ts';
const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

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

function delta(stream: StreamName, key: string, time: number, rows: Record<string, unknown>[]): Frame<'delta'> {
  const made = rows.map((row, index) => ({ id: index + 1, timestamp: time, ...row }));
  return { type: 'delta', stream, key, prev: 'c', cursor: 'd', time, via: 'notify', rows: made };
}

describe('columns', () => {
  test.each(seeds(12, [1, 2, 3]))('are a sorted array that slides, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const columns = new Columns(2);
      let naive: { time: number; value: number; order: number }[] = [];
      let order = 0;
      let now = 0;
      for (let step = 0; step < 200; step += 1) {
        now += random() * 20;
        const count = random() < 0.1 ? 100 : Math.floor(random() * 4);
        const rows = Array.from({ length: count }, () => {
          order += 1;
          // Few different times, so that many are equal; some rows are late, some lie ahead.
          return { time: Math.round(now + (random() < 0.3 ? (random() - 0.7) * 300 : 0)), value: random(), order };
        });
        columns.insert({
          times: Float64Array.from(rows, ({ time }) => time),
          columns: [Float64Array.from(rows, ({ value }) => value), Float64Array.from(rows, (row) => row.order)],
        });
        naive.push(...rows);
        naive.sort((a, b) => a.time - b.time || a.order - b.order);
        if (random() < 0.3) {
          const from = now - 200;
          columns.slide(from);
          const before = naive.filter(({ time }) => time < from);
          const last = before.at(-1);
          naive = [...(last === undefined ? [] : [last]), ...naive.filter(({ time }) => time >= from)];
        }
        if (step % 8 !== 7) continue;
        const view = columns.view();
        expect([...view.times]).toEqual(naive.map(({ time }) => time));
        expect([...(view.columns[0] ?? [])]).toEqual(naive.map(({ value }) => value));
        expect([...(view.columns[1] ?? [])]).toEqual(naive.map((row) => row.order));
      }
    }),
  );

  test('a view that was taken stays as it was while rows are appended', () => {
    const columns = new Columns(1);
    columns.insert({ times: Float64Array.of(1, 2), columns: [Float64Array.of(10, 20)] });
    const view = columns.view();
    for (let time = 3; time < 500; time += 1) {
      columns.insert({ times: Float64Array.of(time), columns: [Float64Array.of(time)] });
      columns.slide(time - 5);
    }
    expect([...view.times]).toEqual([1, 2]);
    expect([...(view.columns[0] ?? [])]).toEqual([10, 20]);
  });
});

describe('what is kept of too many rows', () => {
  test('is what the drawn values can show, and keeping again keeps the same', () => {
    const random = seeded(7);
    const times = Float64Array.from({ length: 5000 }, (_, index) => index * 10);
    const columns = [0, 1, 2].map(() => Float64Array.from(times, () => random()));
    const keep = keeperOf(STREAMS.funding_rates, ['funding_rate', 'estimated_rate', 'next_funding_time']);
    const kept = keep({ times, columns }, 1000);
    expect(kept.length).toBeLessThanOrEqual(50 * 8);
    const rates = columns[0] ?? new Float64Array();
    for (let bucket = 0; bucket < 50; bucket += 1) {
      const inside = kept.filter((index) => Math.floor((times[index] ?? 0) / 1000) === bucket);
      const all = rates.subarray(bucket * 100, bucket * 100 + 100);
      expect(Math.max(...inside.map((index) => rates[index] ?? 0))).toBe(Math.max(...all));
      expect(Math.min(...inside.map((index) => rates[index] ?? 0))).toBe(Math.min(...all));
    }
    const again = {
      times: Float64Array.from(kept, (index) => times[index] ?? 0),
      columns: columns.map((column) => Float64Array.from(kept, (index) => column[index] ?? 0)),
    };
    expect(keep(again, 1000)).toEqual(kept.map((_, index) => index));
  });

  test('is every anomaly at or above its threshold, and the strongest below in each bucket', () => {
    const keep = keeperOf(STREAMS.anomalies, ['value', 'z_score', 'threshold']);
    const rows = {
      times: Float64Array.of(0, 1, 2, 3, 10, 11, 12),
      columns: [
        new Float64Array(7),
        Float64Array.of(1, -2, 3, 2.5, -4, Number.NaN, 1),
        Float64Array.of(3, 3, 3, 2.5, Number.NaN, 3, 5),
      ],
    };
    expect(keep(rows, 10)).toEqual([1, 2, 3, 4, 6]);
  });
});

describe('the minutes of the last hour', () => {
  const first = Math.floor(NOW / MINUTE - 59) * MINUTE;

  test("begin with the server's counts and go on with the rows that come", () => {
    const minutes = new Minutes(first, [5, ...new Array<number>(58).fill(1), 2]);
    expect(minutes.total(NOW)).toBe(65);
    minutes.note(NOW, NOW);
    minutes.note(NOW - 30 * MINUTE, NOW);
    minutes.note(NOW - 61 * MINUTE, NOW);
    expect(minutes.total(NOW)).toBe(67);
  });

  test('slide with the clock', () => {
    const minutes = new Minutes(first, [5, 4, ...new Array<number>(58).fill(0)]);
    expect(minutes.total(NOW + MINUTE)).toBe(4);
    expect(minutes.total(NOW + 2 * MINUTE)).toBe(0);
  });

  test('count a row that is dated ahead when its minute has come', () => {
    const minutes = new Minutes(first, []);
    minutes.note(NOW + 2 * HOUR, NOW);
    expect(minutes.total(NOW)).toBe(0);
    expect(minutes.total(NOW + 2 * HOUR)).toBe(1);
    expect(minutes.total(NOW + 3 * HOUR + MINUTE)).toBe(0);
  });
});

describe('the spacing of a line', () => {
  test("is the server's until a day of arrivals says otherwise", () => {
    const spacing = new Spacing(60_000, NOW);
    expect(spacing.medianMs).toBe(60_000);
    // A burst of late rows does not make a line that is polled once a minute look stale after half a minute.
    for (let count = 0; count < 500; count += 1) spacing.note(10, NOW + count * 10);
    expect(spacing.medianMs).toBe(60_000);
  });

  test('is the median of the arrivals, to a tenth, where the server knows none', () => {
    const spacing = new Spacing(null, NOW);
    expect(spacing.medianMs).toBeNull();
    for (const gap of [900, 1000, 1000, 1100, 50_000]) spacing.note(gap, NOW);
    const median = spacing.medianMs ?? 0;
    expect(Math.abs(median - 1000)).toBeLessThan(100);
  });

  test('forgets what is more than a day old', () => {
    const spacing = new Spacing(1000, NOW);
    for (let at = NOW; at < NOW + 2 * DAY; at += HOUR) spacing.note(HOUR, at);
    const median = spacing.medianMs ?? 0;
    expect(Math.abs(median - HOUR)).toBeLessThan(HOUR / 10);
  });
});

describe('a channel', () => {
  const window = { rangeMs: RANGE_MS['1h'], points: 100 };
  const funding = STREAMS.funding_rates;
  const line = (arrived: number | null, spacing: number | null, times: number[] = [NOW - 1000]): Series => ({
    name: 'binance',
    columns: { timestamp: times, funding_rate: times.map(() => 0.0001), estimated_rate: times.map(() => null) },
    arrived,
    spacing_ms: spacing,
  });

  test('reads numbers as they are, and what is no finite number as NaN', () => {
    const series: Series = {
      name: null,
      columns: {
        timestamp: [1, 2, 3, 4],
        metric_value: [1.5, null, 'NaN', '-Infinity'],
        metric_unit: ['a', 'b', 'c', 'ms'],
      },
    };
    const channel = new Channel(STREAMS.system_metrics, 'm', window, NOW, snapshot('system_metrics', 'm', [series]));
    channel.append(delta('system_metrics', 'm', NOW, [{ timestamp: 0, metric_value: 7, metric_unit: 'late' }]));
    const [view] = channel.view(NOW).lines;
    expect([...(view?.times ?? [])]).toEqual([0, 1, 2, 3, 4]);
    expect([...(view?.columns.metric_value ?? [])]).toEqual([7, 1.5, Number.NaN, Number.NaN, Number.NaN]);
    expect(view?.texts).toEqual({ metric_unit: 'ms' });
  });

  test('has a line for each series, and puts late rows where they belong', () => {
    const channel = new Channel(
      funding,
      'BTC/USDT',
      window,
      NOW,
      snapshot('funding_rates', 'BTC/USDT', [line(NOW, null)]),
    );
    channel.append(
      delta('funding_rates', 'BTC/USDT', NOW, [
        { exchange: 'okx', funding_rate: 0.2 },
        { exchange: 'binance', funding_rate: 0.3, timestamp: NOW - 2000 },
        { exchange: 'binance', funding_rate: 0.4, timestamp: NOW - 1000 },
      ]),
    );
    const { lines } = channel.view(NOW);
    expect(lines.map(({ name }) => name)).toEqual(['binance', 'okx']);
    expect([...(lines[0]?.columns.funding_rate ?? [])]).toEqual([0.3, 0.0001, 0.4]);
    expect(lines[0]?.columns.next_funding_time).toHaveLength(3);
  });

  test('is stale by arrival: after three spacings and at least thirty seconds', () => {
    expect(staleAfterMs(null)).toBe(30_000);
    expect(staleAfterMs(1000)).toBe(30_000);
    expect(staleAfterMs(60_000)).toBe(180_000);
    const frame = snapshot('funding_rates', 'BTC/USDT', [line(NOW - 100_000, 60_000)]);
    const channel = new Channel(funding, 'BTC/USDT', window, NOW, frame);
    expect(channel.staleLines(NOW + 80_000)).toEqual([]);
    expect(channel.staleLines(NOW + 80_001)).toEqual(['binance']);
    channel.append(delta('funding_rates', 'BTC/USDT', NOW + 90_000, [{ exchange: 'binance', timestamp: NOW - HOUR }]));
    expect(channel.staleLines(NOW + 90_001)).toEqual([]);
    expect(channel.arrivedAt).toBe(NOW + 90_000);
  });

  test('a row dated in the future hides nothing', () => {
    const frame = snapshot('funding_rates', 'BTC/USDT', [line(NOW, 1000, [NOW, NOW + 5 * HOUR])]);
    const channel = new Channel(funding, 'BTC/USDT', window, NOW, frame);
    expect(channel.staleLines(NOW + 30_001)).toEqual(['binance']);
    expect(channel.arrivedAt).toBe(NOW);
  });

  test('a line of unknown arrival is given the time since it is watched', () => {
    const channel = new Channel(
      funding,
      'BTC/USDT',
      window,
      NOW,
      snapshot('funding_rates', 'BTC/USDT', [line(null, null)]),
    );
    expect(channel.staleLines(NOW + 30_000)).toEqual([]);
    expect(channel.staleLines(NOW + 30_001)).toEqual(['binance']);
  });

  test('lets go what left the window but the row that the line comes from, and lines that were silent for two', () => {
    const frame = snapshot('funding_rates', 'BTC/USDT', [line(NOW, null, [NOW - 100, NOW - 50, NOW])]);
    const channel = new Channel(funding, 'BTC/USDT', window, NOW, frame);
    channel.slide(NOW + HOUR - 10);
    expect([...(channel.view(NOW).lines[0]?.times ?? [])]).toEqual([NOW - 50, NOW]);
    channel.slide(NOW + 2 * HOUR);
    expect(channel.lineCount).toBe(1);
    channel.slide(NOW + 2 * HOUR + 1);
    expect(channel.lineCount).toBe(0);
  });

  test('holds a bounded number of rows, and says that they are reduced', () => {
    const channel = new Channel(
      funding,
      'BTC/USDT',
      window,
      NOW,
      snapshot('funding_rates', 'BTC/USDT', [line(NOW, null)]),
    );
    expect(channel.view(NOW).reduced).toBe(false);
    const most = 8 * window.points * 3;
    for (let step = 0; step < 20; step += 1) {
      const rows = Array.from({ length: 1000 }, (_, index) => ({
        exchange: 'binance',
        timestamp: NOW + step * 100_000 + index * 100,
        funding_rate: (step * 1000 + index) % 17,
      }));
      channel.append(delta('funding_rates', 'BTC/USDT', NOW + step * 100_000, rows));
      expect(channel.view(NOW).lines[0]?.times.length).toBeLessThanOrEqual(most);
    }
    const view = channel.view(NOW);
    expect(view.reduced).toBe(true);
    expect(view.lines[0]?.times.at(-1)).toBe(NOW + 1_999_900);
  });

  test('holds a bounded number of rows that lie far apart in the future, too', () => {
    const channel = new Channel(funding, 'BTC/USDT', window, NOW, null);
    const rows = Array.from({ length: 5000 }, (_, index) => ({ exchange: 'binance', timestamp: NOW + index * DAY }));
    channel.append(delta('funding_rates', 'BTC/USDT', NOW, rows));
    expect(channel.view(NOW).lines[0]?.times.length).toBeLessThanOrEqual(8 * window.points * 3);
  });
});

describe('a stream', () => {
  const row = (key: string, value: number): Frame<'snapshot'> =>
    snapshot('system_metrics', key, [
      { name: null, columns: { timestamp: [NOW], metric_value: [value] }, arrived: NOW },
    ]);
  const keysOf = (series: StreamSeries): readonly string[] => series.views(NOW).map(({ key }) => key);

  test('shows the old picture until the first snapshot of another', () => {
    const series = new StreamSeries('funding_rates', { keys: ['BTC/USDT'], range: '24h', points: 800 });
    expect(series.loaded).toBe(false);
    series.restart();
    series.load(snapshot('funding_rates', 'BTC/USDT', []), NOW);
    series.finish();
    expect(series.loaded).toBe(true);
    series.ask({ keys: ['ETH/USDT'], range: '1h', points: 800 });
    expect(series.loaded).toBe(false);
    series.restart();
    expect(keysOf(series)).toEqual(['BTC/USDT']);
    expect(series.range).toBe('24h');
    series.load(snapshot('funding_rates', 'ETH/USDT', []), NOW);
    expect(series.loaded).toBe(true);
    expect(keysOf(series)).toEqual(['ETH/USDT']);
    expect(series.range).toBe('1h');
  });

  test('a finer picture of the same leaves what is shown', () => {
    const series = new StreamSeries('system_metrics', { keys: null, range: '24h', points: 800 });
    series.restart();
    series.load(row('cpu', 1), NOW);
    series.finish();
    series.ask({ keys: null, range: '24h', points: 1600 });
    expect(series.loaded).toBe(true);
    expect(keysOf(series)).toEqual(['cpu']);
  });

  test('after a reconnect, keys without rows in the range go when all has come', () => {
    const series = new StreamSeries('system_metrics', { keys: null, range: '24h', points: 800 });
    series.restart();
    series.load(row('cpu', 1), NOW);
    series.load(row('memory', 1), NOW);
    series.finish();
    series.restart();
    expect(series.awaiting).toBe(true);
    series.load(row('memory', 2), NOW);
    expect(keysOf(series)).toEqual(['cpu', 'memory']);
    series.finish();
    expect(keysOf(series)).toEqual(['memory']);
    series.append(delta('system_metrics', 'disk', NOW, [{ metric_value: 3 }]));
    expect(keysOf(series)).toEqual(['disk', 'memory']);
  });

  test('without any row is empty, and stale only where every line is', () => {
    const series = new StreamSeries('system_metrics', { keys: null, range: '24h', points: 800 });
    series.restart();
    series.finish();
    expect(series.health(NOW)).toBe('empty');
    series.load(row('cpu', 1), NOW);
    series.append(delta('system_metrics', 'disk', NOW + 20_000, [{ metric_value: 3 }]));
    expect(series.health(NOW + 40_000)).toBe('live');
    expect(series.health(NOW + 50_001)).toBe('stale');
    expect(series.arrivedAt).toBe(NOW + 20_000);
  });
});
