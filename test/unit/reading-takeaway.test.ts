/** Rows to take along: merged in order, as CSV, found again on the server, told in words. */
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { csvOf, fileName, isoTime } from '../../client/reading/csv.ts';
import { documentText, MOST_LETTERS, matching, rowsQuery, type Sought } from '../../client/reading/details.ts';
import { pageOfRows, rowCount, shownLines } from '../../client/reading/rows.ts';
import { summaryOf, type Told } from '../../client/reading/summary.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';
import { lineView, paneLine, pictureOf } from '../support/reading-lines.ts';

const FILE = 'test/unit/reading-takeaway.test.ts';
const T = Date.UTC(2026, 10, 22, 14);
const ALL = { from: 0, to: Number.POSITIVE_INFINITY };
const cells = (text: string): string[][] => parse(text, { relaxColumnCount: true });

describe('rows of a chart', () => {
  test('are those of the window, its end not included, each line once for all its panes', () => {
    const view = lineView('momentum', [10, 20, 30], { pnl: [1, 2, 3] });
    const lines = [0, 1].map(() => paneLine('momentum', [10, 20, 30], [1, 2, 3], { view }));
    const shown = shownLines(pictureOf(lines.map((line) => [line])), { from: 10, to: 30 });
    expect(shown).toHaveLength(1);
    expect(rowCount(shown)).toBe(2);
    expect(pageOfRows(shown, 0, 9).map(({ time }) => time)).toEqual([20, 10]);
  });

  test('come newest first, in pages that neither miss nor repeat one', async () => {
    for (const seed of seeds(60)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const lines = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) => {
          const times = Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 30)).sort(
            (a, b) => a - b,
          );
          return paneLine(`line${index}`, times, times);
        });
        const shown = shownLines(pictureOf([lines]), { from: 3, to: 25 });
        const all = pageOfRows(shown, 0, rowCount(shown) + 5);
        expect(all).toHaveLength(rowCount(shown));
        expect(rowCount(shown)).toBe(lines.flatMap(({ times }) => [...times].filter((t) => t >= 3 && t < 25)).length);
        for (const [place, { time }] of all.entries()) expect(time).toBeLessThanOrEqual(all[place - 1]?.time ?? 99);
        const size = 1 + Math.floor(random() * 7);
        const paged = Array.from({ length: Math.ceil(all.length / size) }, (_, page) =>
          pageOfRows(shown, page * size, size),
        ).flat();
        expect(paged).toEqual(all);
      });
    }
  });
});

describe('CSV', () => {
  const shown = (name: string | null, columns: Record<string, readonly number[]>, times = [T]) =>
    shownLines(pictureOf([[paneLine(name ?? 'no name', times, times, { view: lineView(name, times, columns) })]]), ALL);

  test('has the columns of the table, ISO times with microseconds and every digit', () => {
    const lines = shown(
      'binance',
      {
        funding_rate: [0.00010000000000000002, 1e-8],
        estimated_rate: [Number.NaN, -0.5],
        next_funding_time: [T, Number.NaN],
      },
      [T + 0.123, T + 1.5],
    );
    const text = csvOf('funding_rates', lines, ({ symbol }) => symbol);
    expect(text.split('\r\n')).toEqual([
      'timestamp,symbol,exchange,funding_rate,estimated_rate,next_funding_time',
      '2026-11-22T14:00:00.000123Z,BTC/USDT,binance,0.00010000000000000002,,2026-11-22T14:00:00.000000Z',
      '2026-11-22T14:00:00.001500Z,BTC/USDT,binance,1e-8,-0.5,',
      '',
    ]);
  });

  test('is in order of time over all lines', () => {
    const lines = shownLines(
      pictureOf([[paneLine('a', [T, T + 20], [1, 2]), paneLine('b', [T + 10, T + 30], [3, 4])]]),
      ALL,
    );
    const times = cells(csvOf('funding_rates', lines, () => 'X'))
      .slice(1)
      .map(([time]) => time);
    expect(times).toEqual([...times].sort());
    expect(times).toHaveLength(4);
  });

  test('carries any name, and none that a spreadsheet would run', () => {
    const name = '=HYPERLINK("x")\n,ü';
    const [, row] = cells(csvOf('funding_rates', shown(name, { funding_rate: [1] }), () => '@evil'));
    expect(row?.slice(1, 3)).toEqual(["'@evil", `'${name}`]);
    expect(csvOf('funding_rates', shown('', { funding_rate: [1] }), () => 'X')).toContain(',X,"",1');
    expect(csvOf('funding_rates', shown(null, { funding_rate: [1] }), () => 'X')).toContain(',X,,1');
  });

  test('has what is computed in further columns', () => {
    const line = paneLine('binance', [T], [1]);
    const derived = [{ label: 'annualised, every 8 h', unit: 'fraction' as const, value: () => 0.25 }];
    const lines = shownLines(pictureOf([[{ ...line, source: { ...line.source, derived } }]]), ALL);
    const [head, row] = cells(csvOf('funding_rates', lines, () => 'X'));
    expect([head?.at(-1), row?.at(-1)]).toEqual(['annualised, every 8 h', '0.25']);
  });

  test('has the metric and its unit', () => {
    const view = { ...lineView(null, [T], { metric_value: [50] }), texts: { metric_unit: '%' } };
    const line = paneLine('cpu load', [T], [50], { view, stream: 'system_metrics' });
    const [head, row] = cells(csvOf('system_metrics', shownLines(pictureOf([[line]]), ALL), () => 'cpu_load'));
    expect(head).toEqual(['timestamp', 'metric_name', 'metric_value', 'metric_unit']);
    expect(row?.slice(1)).toEqual(['cpu_load', '50', '%']);
  });

  test('is a file named by stream, symbols and stretch', () => {
    const window = { from: T, to: T + 3_600_000 };
    expect(fileName('funding_rates', ['BTC/USDT', 'ETH/USDT:USDT'], window, 'csv')).toBe(
      'funding_rates_BTC-USDT_ETH-USDTUSDT_20261122T140000Z_20261122T150000Z.csv',
    );
    expect(fileName('system_metrics', ['BTC/USDT'], window, 'png')).toBe(
      'system_metrics_20261122T140000Z_20261122T150000Z.png',
    );
    expect(fileName('anomalies', ['../../etc'], window, 'csv')).not.toContain('/');
  });

  test('writes no time where there is none', () => {
    for (const time of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 1e300]) expect(isoTime(time)).toBe('');
    expect(isoTime(-1)).toBe('1969-12-31T23:59:59.999000Z');
  });
});

describe('the stored row', () => {
  const sought: Sought = {
    stream: 'funding_rates',
    key: 'BTC/USDT',
    series: 'binance',
    time: 1_768_480_220_123.456,
    numbers: { funding_rate: 0.0001, estimated_rate: Number.NaN, next_funding_time: Number.NaN },
  };
  const row = {
    id: 1,
    timestamp: sought.time,
    exchange: 'binance',
    funding_rate: 0.0001,
    estimated_rate: null,
    next_funding_time: null,
  };

  test('is asked for by its microsecond', () => {
    const query = new URLSearchParams(rowsQuery(sought));
    expect(Object.fromEntries(query)).toEqual({
      from: '1768480220123.456',
      to: '1768480220123.457',
      limit: '100',
      key: 'BTC/USDT',
      series: 'binance',
    });
    expect(rowsQuery({ ...sought, key: null, series: null })).not.toMatch(/key|series/);
  });

  test('is the one that is equal in all that is known', () => {
    const others = [
      { ...row, id: 2, funding_rate: 0.0002 },
      { ...row, id: 3, exchange: 'okx' },
      { ...row, id: 4, estimated_rate: 0.1 },
      { ...row, id: 5, exchange: null },
    ];
    expect(matching([...others, row], sought)).toEqual([row]);
    expect(matching([row, { ...row, id: 6 }], sought)).toHaveLength(2);
  });

  test('may hold what is no number, which the page has as nothing', () => {
    for (const estimated of ['NaN', 'Infinity', '-Infinity', null])
      expect(matching([{ ...row, estimated_rate: estimated }], sought)).toHaveLength(1);
  });

  test('has documents that can be read, cut off where they are long', () => {
    expect(documentText({ a: [1] }).text).toBe('{\n  "a": [\n    1\n  ]\n}');
    const { text, letters } = documentText('x'.repeat(1_000_000));
    expect([text.length, letters]).toEqual([MOST_LETTERS + 1, 1_000_002]);
    expect(documentText(undefined).text).toBe('null');
  });
});

describe('the summary', () => {
  const told = (more: Partial<Told> = {}): string =>
    summaryOf({
      stream: 'funding_rates',
      title: 'Funding rate',
      symbols: ['BTC/USDT'],
      state: 'live',
      picture: pictureOf([[paneLine('binance', [T, T + 1000, T + 2000], [3, 1, Number.NaN])]]),
      window: { from: T, to: T + 3_600_000 },
      hidden: 0,
      zone: 'utc',
      now: T + 3_599_000,
      ...more,
    }).replaceAll('\u00a0', ' ');

  test('tells the latest value, the bounds and how many rows there are', () => {
    expect(told()).toBe(
      'Funding rate of BTC/USDT, what it shows, in the last 1 h. binance: 1 at 14:00:01 UTC, between 1 and 3, 3 rows.',
    );
  });

  test('says from when on where it ends in the past', () => {
    expect(told({ now: T + 9e6 })).toContain('from 14:00:00 UTC on, for 1 h');
  });

  test('has words for each state', () => {
    expect(told({ state: 'off' })).toBe('Funding rate of BTC/USDT: this stream is off.');
    expect(told({ state: 'loading', picture: null })).toBe('Funding rate of BTC/USDT: loading.');
    expect(told({ state: 'empty', picture: null })).toBe('Funding rate of BTC/USDT: no rows in the last 1 h.');
    expect(told({ state: 'stale' })).toContain('Stale: nothing new has come for too long.');
    expect(told({ window: { from: 0, to: 1 }, now: 1 })).toMatch(/no rows/);
  });

  test('tells of hidden lines', () => {
    expect(told({ hidden: 2 })).toMatch(/2 lines are hidden\.$/);
  });

  test('does not go on and on', () => {
    const lines = Array.from({ length: 40 }, (_, i) => paneLine(`line ${i}`, [T], [i]));
    expect(told({ picture: pictureOf([lines]) })).toMatch(/line 7: .* 32 more in the table\.$/);
  });

  test('names panes where there are several, and symbols where there are', () => {
    const two = pictureOf([[paneLine('a', [T], [1])], [paneLine('a', [T], [2])]]);
    expect(told({ picture: two, stream: 'system_metrics', title: 'System' })).toMatch(
      /^System, .*a, Pane 0: 1 .*a, Pane 1: 2 /,
    );
  });
});
