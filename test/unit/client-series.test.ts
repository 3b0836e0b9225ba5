/** The client's windows of rows, against a naive sorted array and by hand. */
import { describe, expect, test } from 'vitest';
import { RANGE_MS } from '../../client/model.ts';
import { Channel, staleAfterMs } from '../../client/series/channel.ts';
import { Columns } from '../../client/series/columns.ts';
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
  test.each(seeds(12, [1, 2, 3]))('are a sorted array that slides and is thinned, seed %i', (seed) =>
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
        const held = random() < 0.5 ? columns.view() : null;
        const heldTimes = [...(held?.times ?? [])];
        columns.insert({
          times: Float64Array.from(rows, ({ time }) => time),
          columns: [Float64Array.from(rows, ({ value }) => value), Float64Array.from(rows, (row) => row.order)],
        });
        naive.push(...rows);
        naive.sort((a, b) => a.time - b.time || a.order - b.order);
        if (random() < 0.3) {
          const from = now - 200;
          columns.slide(from);
          naive = naive.filter(({ time }) => time >= from);
        }
        if (random() < 0.3) {
          const [from, to] = [now - 60 - 100 * random(), now - 50 * random()];
          columns.thin(from, to, ({ times }) => [...times.keys()].filter((index) => index % 3 === 0));
          let inside = 0;
          naive = naive.filter(({ time }) => time < from || time >= to || inside++ % 3 === 0);
        }
        // A chart that holds still draws what it was given, whatever has happened since.
        expect([...(held?.times ?? [])]).toEqual(heldTimes);
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
  const window = { rangeMs: RANGE_MS['1h'], bucketMs: 36_000, points: 100 };
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
    const channel = new Channel(STREAMS.system_metrics, 'm', window, 5, snapshot('system_metrics', 'm', [series]));
    channel.append(delta('system_metrics', 'm', 5, [{ timestamp: 0, metric_value: 7, metric_unit: 'late' }]));
    const [view] = channel.view(5).lines;
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

  test('lets go what left the window, and lines that were silent for two', () => {
    const frame = snapshot('funding_rates', 'BTC/USDT', [line(NOW, null, [NOW - 100, NOW - 50, NOW])]);
    const channel = new Channel(funding, 'BTC/USDT', window, NOW, frame);
    channel.slide(NOW + HOUR - 10);
    expect([...(channel.view(NOW).lines[0]?.times ?? [])]).toEqual([NOW]);
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
    const most = 8 * 100 * 3;
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
    expect(channel.view(NOW).lines[0]?.times.length).toBeLessThanOrEqual(8 * 100 * 3);
  });
});

describe('a stream', () => {
  const row = (key: string, value: number): Frame<'snapshot'> =>
    snapshot('system_metrics', key, [
      { name: null, columns: { timestamp: [NOW], metric_value: [value] }, arrived: NOW },
    ]);
  const keysOf = (series: StreamSeries): readonly string[] => series.views(NOW).map(({ key }) => key);

  test('shows the old picture until the first snapshot of another', () => {
    const series = new StreamSeries('funding_rates', {
      keys: ['BTC/USDT'],
      range: '24h',
      bucketMs: 108_000,
      points: 800,
      pixelMs: 108_000,
    });
    expect(series.loaded).toBe(false);
    series.restart();
    series.load(snapshot('funding_rates', 'BTC/USDT', []), NOW);
    series.finish();
    expect(series.loaded).toBe(true);
    series.ask({ keys: ['ETH/USDT'], range: '1h', bucketMs: 108_000, points: 800, pixelMs: 108_000 });
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
    const series = new StreamSeries('system_metrics', {
      keys: null,
      range: '24h',
      bucketMs: 108_000,
      points: 800,
      pixelMs: 108_000,
    });
    series.restart();
    series.load(row('cpu', 1), NOW);
    series.finish();
    series.ask({ keys: null, range: '24h', bucketMs: 54_000, points: 1600, pixelMs: 54_000 });
    expect(series.loaded).toBe(true);
    expect(keysOf(series)).toEqual(['cpu']);
  });

  test('after a reconnect, keys without rows in the range go when all has come', () => {
    const series = new StreamSeries('system_metrics', {
      keys: null,
      range: '24h',
      bucketMs: 108_000,
      points: 800,
      pixelMs: 108_000,
    });
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
    const series = new StreamSeries('system_metrics', {
      keys: null,
      range: '24h',
      bucketMs: 108_000,
      points: 800,
      pixelMs: 108_000,
    });
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
