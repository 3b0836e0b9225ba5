/** The overview's pure parts: order and groups, colours, what a cell shows, what a link says. */
import { describe, expect, test } from 'vitest';
import { arrange, exchangesOf, type Item, sorted } from '../../client/market/arrange.ts';
import {
  formatOverview,
  GROUPS,
  LAYOUTS,
  type OverviewChoice,
  parseOverview,
  recalledChoice,
  rememberedText,
  SORTS,
  USUAL_CHOICE,
} from '../../client/market/choice.ts';
import { bucketsFor } from '../../client/market/connection.ts';
import { FLASH_MS, flashOf, lookOf, STILL_FLASH_MS, sameLook } from '../../client/market/look.ts';
import type { HourSummary } from '../../client/market/marks.ts';
import { blankRow, type MarketRow } from '../../client/market/model.ts';
import { legendColours, limitFor, linearOf, mix, oklabOf, oklabOfLinear, shadeOf } from '../../client/market/scale.ts';
import { spokenOf, summaryOf } from '../../client/market/summary.ts';
import { preferredFirst } from '../../client/symbols.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/market-view.test.ts';
const NOW = 1_800_000_000_000;

interface Made {
  readonly rates?: Readonly<Record<string, number>>;
  readonly changedAt?: number;
  readonly arrivedAt?: number;
  readonly hour?: Partial<HourSummary>;
  readonly flashedAt?: number;
}

function row(symbol: string, made: Made = {}): MarketRow {
  const { rates = {}, changedAt = NOW, arrivedAt = NOW, hour = {}, flashedAt = null } = made;
  return {
    ...blankRow(symbol),
    flashedAt,
    anomalies: () => ({ count: 0, strongest: 0, rows: 0, ...hour }),
    quotes: Object.entries(rates).map(([exchange, rate]) => ({
      exchange,
      rate,
      time: NOW,
      arrivedAt,
      changedAt,
      spacingMs: null,
      nextFundingTime: Number.NaN,
      intervalHours: 8,
    })),
  };
}

const on =
  (exchange: string | null) =>
  (one: MarketRow): Item => ({ row: one, exchange });
const symbols = (items: readonly Item[]): string[] => items.map((item) => item.row.symbol);
const choiceOf = (part: Partial<OverviewChoice>): OverviewChoice => ({ ...USUAL_CHOICE, ...part });

describe('the order', () => {
  const rows = [
    row('C', { rates: { x: -0.5, y: -0.5 }, changedAt: NOW - 9 }),
    row('A', { rates: { x: 0.2, y: 0.9 }, changedAt: NOW - 1, hour: { count: 2, strongest: 3 } }),
    row('E', { rates: { x: Number.NaN } }),
    row('B', { rates: { x: 0.2 }, changedAt: NOW - 5, hour: { count: 2, strongest: -9 } }),
    row('D', { rates: { y: 7 }, hour: { count: 3, strongest: 3 } }),
  ];
  const items = rows.map(on('x'));

  test.each([
    ['name', 'A B C D E'],
    ['high', 'A B C D E'],
    ['low', 'C A B D E'],
    ['size', 'C A B D E'],
    ['spread', 'A C B D E'],
    ['anomalies', 'D B A C E'],
    ['change', 'E A B C D'],
  ] as const)('by %s, what has no figure last, equals by name', (sort, wanted) => {
    expect(symbols(sorted(items, sort, NOW)).join(' ')).toBe(wanted);
  });

  test.each(seeds(6, [1, 2]))('is the same from any order to begin with, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const many = Array.from({ length: 60 }, (_, i) =>
        row(`S${i % 50}`, { rates: random() < 0.2 ? {} : { x: Math.round(random() * 10) - 5 } }),
      ).map(on('x'));
      const shuffled = many.map((item) => ({ item, at: random() })).sort((a, b) => a.at - b.at);
      for (const { id } of SORTS)
        expect(
          symbols(
            sorted(
              shuffled.map(({ item }) => item),
              id,
              NOW,
            ),
          ),
        ).toEqual(symbols(sorted(many, id, NOW)));
    }),
  );

  test('lists exchanges by how many symbols they have', () => {
    expect(exchangesOf(rows)).toEqual(['x', 'y']);
    expect(exchangesOf([])).toEqual([]);
  });
});

describe('groups', () => {
  const rows = [
    row('A/USDT', { rates: { x: 1, y: 1 } }),
    row('B/USDC', { rates: { x: -1 } }),
    row('C/USDT', { rates: { y: 0 } }),
    row('D/USDT', {}),
  ];
  const shape = (part: Partial<OverviewChoice>) =>
    arrange(rows, choiceOf({ sort: 'name', ...part }), 'x', NOW).map(
      ({ title, items }) => `${title}: ${items.map((item) => `${item.row.symbol} ${item.exchange}`).join(', ')}`,
    );

  test('none is one section without a title', () => {
    expect(shape({ group: 'none' })).toEqual(['null: A/USDT x, B/USDC x, C/USDT x, D/USDT x']);
  });
  test('by quote currency, the most frequent first', () => {
    expect(shape({ group: 'quote' })).toEqual(['USDT: A/USDT x, C/USDT x, D/USDT x', 'USDC: B/USDC x']);
  });
  test('by exchange, a symbol under each exchange where it has a rate', () => {
    expect(shape({ group: 'exchange' })).toEqual(['x: A/USDT x, B/USDC x', 'y: A/USDT y, C/USDT y']);
  });
  test('by sign of what is shown', () => {
    expect(shape({ group: 'sign' })).toEqual([
      'Above zero: A/USDT x',
      'Below zero: B/USDC x',
      'No rate: C/USDT x, D/USDT x',
    ]);
  });
  test('a spread is of no exchange, and is not grouped by it', () => {
    expect(shape({ group: 'exchange', by: 'spread' })).toEqual([
      'null: A/USDT null, B/USDC null, C/USDT null, D/USDT null',
    ]);
  });
});

describe('the colours', () => {
  const luminance = (hex: string): number => {
    const [r, g, b] = linearOf(hex);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
  };
  /** What dichromats see (Viénot 1999 for red and green, Brettel's plane for blue, in linear light). */
  const BLIND = {
    protan: [0.11238, 0.88762, 0, 0.11238, 0.88762, 0, 0.00401, -0.00401, 1],
    deutan: [0.29275, 0.70725, 0, 0.29275, 0.70725, 0, -0.02234, 0.02234, 1],
    tritan: [1, 0.14461, -0.14461, 0, 0.85924, 0.14076, 0, 0.85924, 0.14076],
    none: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  } as const;
  const seen = (hex: string, m: (typeof BLIND)[keyof typeof BLIND]) => {
    const [r, g, b] = linearOf(hex);
    return oklabOfLinear([
      m[0] * r + m[1] * g + m[2] * b,
      m[3] * r + m[4] * g + m[5] * b,
      m[6] * r + m[7] * g + m[8] * b,
    ]);
  };
  const apart = (a: readonly number[], b: readonly number[]): number =>
    Math.hypot(...a.map((value, index) => value - (b[index] ?? 0)));

  test.each(['dark', 'light'] as const)('carry their text at 4.5:1 on every shade, %s', (theme) => {
    for (let value = -1.5; value <= 1.5; value += 0.01) {
      const { fill, text } = shadeOf(value, 1, theme);
      expect(contrast(fill, text)).toBeGreaterThanOrEqual(4.5);
    }
  });

  test.each(['dark', 'light'] as const)('tell the sign to every common colour-blindness, %s', (theme) => {
    for (const matrix of Object.values(BLIND)) {
      for (const value of [0.5, 1]) {
        const both = apart(seen(shadeOf(value, 1, theme).fill, matrix), seen(shadeOf(-value, 1, theme).fill, matrix));
        expect(both).toBeGreaterThan(value === 1 ? 0.12 : 0.06);
      }
    }
  });

  test.each(['dark', 'light'] as const)('grow with the value on both sides, and end at the limit, %s', (theme) => {
    const zero = oklabOf(shadeOf(0, 1, theme).fill);
    for (const sign of [-1, 1]) {
      let before = -1;
      for (let value = 0; value <= 1; value += 0.1) {
        const far = apart(oklabOf(shadeOf(sign * value, 1, theme).fill), zero);
        expect(far).toBeGreaterThan(before);
        before = far;
      }
      expect(shadeOf(sign * 99, 1, theme)).toEqual(shadeOf(sign, 1, theme));
    }
    expect(legendColours(theme, true)[0]).toBe(shadeOf(0, 1, theme).fill);
    expect(legendColours(theme, false).at(-1)).toBe(shadeOf(1, 1, theme).fill);
  });

  test('mix to either end exactly', () => {
    expect([mix('#b04a22', '#1b6ec2', 0), mix('#b04a22', '#1b6ec2', 1)]).toEqual(['#b04a22', '#1b6ec2']);
  });

  test('end at the round figure that nineteen of twenty values lie within', () => {
    const many = Array.from({ length: 100 }, (_, i) => (i - 50) / 1e6);
    expect(limitFor([...many, 9], 0)).toBe(5e-5);
    expect(limitFor([0.00012], 0)).toBe(0.0002);
    expect(limitFor([Number.NaN], 0)).toBe(1e-5);
    expect(limitFor([], 0.02)).toBe(0.02);
    expect(limitFor([1e9], 0)).toBe(5);
  });

  test('keep their scale while values still fill it', () => {
    expect(limitFor([0.00015], 0.0002)).toBe(0.0002);
    expect(limitFor([0.00009], 0.0002)).toBe(0.0002);
    expect(limitFor([0.00007], 0.0002)).toBe(0.0001);
    expect(limitFor([0.0003], 0.0002)).toBe(0.0005);
  });
});

describe('a cell', () => {
  const context = { now: NOW, limit: 0.001, theme: 'dark', isStill: false } as const;

  test('says sign and figure, and how many anomalies', () => {
    const look = lookOf(
      { row: row('BTC/USDT', { rates: { x: -0.0005 }, hour: { count: 3, strongest: -4.25 } }), exchange: 'x' },
      context,
    );
    expect(look).toMatchObject({
      base: 'BTC',
      rest: '/USDT',
      value: '−0.0500%',
      count: '3',
      strongest: '−4.3σ',
      heat: 2,
      stale: null,
      shade: shadeOf(-0.5, 1, 'dark'),
    });
  });

  test('has no colour where it is stale or has nothing to say, and says since when', () => {
    const stale = lookOf({ row: row('A', { rates: { x: 0.1 }, arrivedAt: NOW - 125_000 }), exchange: 'x' }, context);
    expect(stale).toMatchObject({ shade: null, stale: '2\u00a0m', value: '+10.000%' });
    expect(lookOf({ row: row('A'), exchange: 'x' }, context)).toMatchObject({ shade: null, stale: null, value: '–' });
  });

  test('flashes when an anomaly came, and stands marked where motion is not wanted', () => {
    const at = (passed: number, isStill: boolean) => flashOf(NOW - passed, { now: NOW, isStill });
    expect([at(0, false), at(FLASH_MS / 2, false), at(FLASH_MS, false)]).toEqual([1, 0.5, 0]);
    expect([at(0, true), at(FLASH_MS * 2, true), at(STILL_FLASH_MS, true)]).toEqual([1, 1, 0]);
    expect([at(-50, false), flashOf(null, { now: NOW, isStill: false })]).toEqual([1, 0]);
  });

  test('is painted anew for whatever can be seen of it, and for nothing else', () => {
    const base = row('A/B', { rates: { x: 0.0001 } });
    const looks = [
      base,
      row('A/B', { rates: { x: -0.0001 } }),
      row('A/B', { rates: { x: 0.0001 }, arrivedAt: NOW - 60_000 }),
      row('A/B', { rates: { x: 0.0001 }, hour: { count: 1, strongest: 3 } }),
      row('A/B', { rates: { x: 0.0001 }, hour: { count: 1, strongest: 4 } }),
      row('A/B', { rates: { x: 0.0001 }, flashedAt: NOW }),
      row('A/C', { rates: { x: 0.0001 } }),
    ].map((one) => lookOf({ row: one, exchange: 'x' }, context));
    for (const [i, a] of looks.entries()) for (const [j, b] of looks.entries()) expect(sameLook(a, b)).toBe(i === j);
    const alike = lookOf({ row: row('A/B', { rates: { x: 0.00010000001 } }), exchange: 'x' }, context);
    expect(looks[0] !== undefined && sameLook(looks[0], alike)).toBe(true);
  });

  test('tells everything exactly, beside the pointer and aloud', () => {
    const shown = row('BTC/USDT', {
      rates: { binance: 0.00012345, okx: -0.0001 },
      hour: { count: 2, strongest: 4, rows: 5 },
    });
    const summary = summaryOf({ ...shown, anomalyTime: NOW }, NOW + 4000, 'utc');
    expect(summary.quotes[0]).toEqual({
      exchange: 'binance',
      rate: '+0.012345%',
      annual: '+13.52%',
      age: '4\u00a0s',
      time: '15 Jan 2027 08:00:00 UTC',
      stale: false,
    });
    expect(summary.spread).toBe('0.022345 pp, 24.47 pp a year');
    expect(summary.anomalies).toBe('2 above threshold in the last hour, of 5 rows; strongest +4.0σ');
    expect(summary.newest).toBe('15 Jan 2027 08:00:00 UTC');
    expect(spokenOf(summary)).toBe(
      'BTC/USDT; binance +0.012345%, okx −0.01%; spread 0.022345 pp, 24.47 pp a year; 2 above threshold in the last hour, of 5 rows; strongest +4.0σ',
    );
    expect(spokenOf(summaryOf(row('A'), NOW, 'utc'))).toBe('A; no rate; no anomalies in the last hour');
  });
});

describe('a link', () => {
  test('brings every choice to everybody', () => {
    for (const by of ['rate', 'spread'] as const)
      for (const { id: sort } of SORTS)
        for (const { id: group } of GROUPS)
          for (const { id: layout } of LAYOUTS) {
            const choice = { by, exchange: 'A & B', sort, group, layout, find: 'x/y=1&' };
            const query = formatOverview('symbol=BTC/USDT&range=6h&by=old', choice);
            expect(parseOverview(query, USUAL_CHOICE)).toEqual(choice);
            expect(new URLSearchParams(query).get('symbol')).toBe('BTC/USDT');
          }
  });

  test('without a choice shows what is remembered; with a part of one, the usual for the rest', () => {
    const mine = choiceOf({ sort: 'low', group: 'sign' });
    expect(parseOverview('view=overview', mine)).toEqual(mine);
    expect(parseOverview('view=overview&by=spread', mine)).toEqual(choiceOf({ by: 'spread' }));
    expect(parseOverview('view=overview&sort=nothing&group=&layout=x', mine)).toEqual(USUAL_CHOICE);
    expect(parseOverview('view=wall', mine)).toBeNull();
    expect(parseOverview('', mine)).toBeNull();
  });

  test('of a page without the overview has nothing of it', () => {
    const open = formatOverview('symbol=A&range=1h', choiceOf({ find: 'x', layout: 'list' }));
    expect(formatOverview(open, null)).toBe('symbol=A&range=1h');
  });

  test('is what is remembered too, without the search', () => {
    const mine = choiceOf({ exchange: 'okx', sort: 'change', find: 'btc' });
    expect(recalledChoice(rememberedText(mine))).toEqual({ ...mine, find: '' });
    expect(recalledChoice(null)).toEqual(USUAL_CHOICE);
    expect(recalledChoice('junk')).toEqual(USUAL_CHOICE);
  });
});

test('all symbols together stay within the points that a subscription may ask for', () => {
  for (const count of [0, 1, 1000, 8334, 10_000, 31_250]) {
    expect(bucketsFor(count)).toBeGreaterThanOrEqual(16);
    expect(bucketsFor(count) * count).toBeLessThanOrEqual(500_000);
  }
  expect(bucketsFor(1000)).toBe(60);
});

test('starred symbols come first, then those used last, each once and only where it is listed', () => {
  expect(preferredFirst(['A', 'B', 'C', 'D'], ['C', 'gone'], ['D', 'C'])).toEqual(['C', 'D', 'A', 'B']);
  expect(preferredFirst(['A', 'B'], [], [])).toEqual(['A', 'B']);
});
