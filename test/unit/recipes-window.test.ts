/** Which rows the charts show, which one the pointer means, and the sparklines. */
import { describe, expect, it } from 'vitest';
import type { LineView, StreamView } from '../../client/model.ts';
import { columnsOf, isGap } from '../../client/painters/columns.ts';
import { heatColor } from '../../client/painters/dots.ts';
import { hitTest } from '../../client/painters/hit.ts';
import { byWeight } from '../../client/painters/labels.ts';
import { isAbove } from '../../client/painters/scatter.ts';
import type { Pane, PaneLine } from '../../client/painters/scene.ts';
import { bySize } from '../../client/recipes/performance.ts';
import { sparkPath } from '../../client/sparkline.ts';
import { searchSymbols } from '../../client/symbols.ts';
import { lead, until } from '../../client/window.ts';

const HOUR = 3_600_000;

function viewOf(times: number[]): StreamView {
  const line: LineView = {
    name: 'binance',
    times: Float64Array.from(times),
    columns: { funding_rate: Float64Array.from(times, (_, i) => i) },
    texts: {},
    arrivedAt: null,
    spacingMs: null,
    stale: false,
  };
  return {
    stream: 'funding_rates',
    state: 'live',
    off: null,
    channels: [{ stream: 'funding_rates', key: 'BTC/USDT', lines: [line], rowsLastHour: 0, reduced: false }],
    range: '1h',
    bucketMs: 3000,
    lostFrom: null,
    arrivedAt: null,
    version: 1,
  };
}

describe('the window', () => {
  it('follows writers that date every row hours ahead, and no single stray row', () => {
    const now = 100 * HOUR;
    const shifted = Array.from({ length: 20 }, (_, i) => now + 2 * HOUR - (19 - i) * 1000);
    expect(lead(viewOf(shifted), now)).toBe(2 * HOUR);
    expect(lead(viewOf([...Array.from({ length: 20 }, (_, i) => now - (20 - i) * 1000), now + 50 * HOUR]), now)).toBe(
      0,
    );
    expect(lead(viewOf([]), now)).toBe(0);
  });

  it('ends where it ends: later rows wait, and the column views follow', () => {
    const cut = until(viewOf([10, 20, 20, 30]), 20);
    expect([...(cut.channels[0]?.lines[0]?.times ?? [])]).toEqual([10, 20, 20]);
    expect([...(cut.channels[0]?.lines[0]?.columns.funding_rate ?? [])]).toEqual([0, 1, 2]);
    const whole = viewOf([10, 20]);
    expect(until(whole, 20)).toBe(whole);
  });
});

const NO_ROWS: LineView = {
  name: null,
  times: new Float64Array(0),
  columns: {},
  texts: {},
  arrivedAt: null,
  spacingMs: null,
  stale: false,
};

function paneLine(name: string, shape: PaneLine['shape'], times: number[], values: number[]): PaneLine {
  return {
    name,
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    side: 'left',
    shape,
    slot: 0,
    breakAfterMs: null,
    endText: null,
    staleFor: null,
    format: String,
    source: { stream: 'funding_rates', line: NO_ROWS, symbol: 'BTC/USDT', derived: [] },
  };
}

describe('the pointer', () => {
  const at = { x: (time: number) => time, y: (value: number) => value, time: (x: number) => x };

  it('means the nearest row in time of the nearest line', () => {
    const lines = [
      paneLine('high', { kind: 'line' }, [0, 100, 200], [10, 10, 10]),
      paneLine('low', { kind: 'steps' }, [0, 90, 200], [80, 80, 80]),
    ];
    expect(hitTest(lines, at, 95, 20)).toMatchObject({ line: { name: 'high' }, index: 1, distance: 10 });
    expect(hitTest(lines, at, 95, 70)).toMatchObject({ line: { name: 'low' }, index: 1 });
  });

  it('means the nearest point within reach, and none beyond', () => {
    const dots = [paneLine('dots', { kind: 'dots', solidFrom: null, spread: true }, [0, 100, 105], [0, 50, 90])];
    expect(hitTest(dots, at, 103, 85)).toMatchObject({ index: 2 });
    expect(hitTest(dots, at, 50, 50)).toBeNull();
    expect(hitTest([paneLine('nan', { kind: 'line' }, [0], [Number.NaN])], at, 0, 0)).toBeNull();
  });
});

describe('deviations', () => {
  it('are above where |z| reaches their own threshold, 3 where they name none', () => {
    expect(isAbove(-3, Number.NaN)).toBe(true);
    expect(isAbove(2.99, Number.NaN)).toBe(false);
    expect(isAbove(2.5, 2.5)).toBe(true);
    expect(isAbove(4, 5)).toBe(false);
  });

  it('are coloured by size and not by sign', () => {
    const palette = {
      panel: '',
      text: '',
      second: '',
      third: '',
      grid: '',
      zero: '',
      alarm: '',
      hatch: '',
      series: [],
      heat: ['quiet', 'three', 'four', 'five'],
      font: '',
      textSize: 12,
      scale: 1,
    } as const;
    expect([2.9, -3, 4.1, -22].map((z) => heatColor(palette, z))).toEqual(['quiet', 'three', 'four', 'five']);
  });
});

describe('sparklines', () => {
  const frame = { from: 0, to: 600, width: 120, height: 28 };

  it('span their box from the least to the greatest value, with real steps', () => {
    const times = Float64Array.from({ length: 60 }, (_, i) => i * 10);
    const values = Float64Array.from({ length: 60 }, (_, i) => i);
    const path = sparkPath({ times, values, kind: 'line' }, frame);
    expect(path.startsWith('M0.0 28.0')).toBe(true);
    expect(path.endsWith('L120.0 0.0')).toBe(true);
    expect(sparkPath({ times, values, kind: 'steps' }, frame)).toMatch(/^M0\.0 28\.0H\d/);
  });

  it('are empty without rows, and level where nothing changes', () => {
    const none = new Float64Array(0);
    expect(sparkPath({ times: none, values: none, kind: 'line' }, frame)).toBe('');
    const level = sparkPath({ times: Float64Array.of(0), values: Float64Array.of(5), kind: 'line' }, frame);
    expect(level).toContain('14.0');
    expect(level).not.toContain('NaN');
  });
});

describe('searching symbols', () => {
  const symbols = ['1000PEPE/USDT', 'ALT/BTC', 'BTC/USDT', 'BTC/USDT:USDT', 'ETH/BTC', 'ETH/USDT'];

  it('finds without punctuation and case, the closest first', () => {
    expect(searchSymbols(symbols, 'btcusdt')).toEqual(['BTC/USDT', 'BTC/USDT:USDT']);
    expect(searchSymbols(symbols, 'btc')).toEqual(['BTC/USDT', 'BTC/USDT:USDT', 'ALT/BTC', 'ETH/BTC']);
    expect(searchSymbols(symbols, 'eth/')).toEqual(['ETH/BTC', 'ETH/USDT']);
    expect(searchSymbols(symbols, 'xyz')).toEqual([]);
    expect(searchSymbols(symbols, ' ')).toBe(symbols);
  });
});

describe('many lines', () => {
  const labelled = (name: string, value: number, more: Partial<PaneLine> = {}): PaneLine => {
    return { ...paneLine(name, { kind: 'line' }, [0], [value]), endText: String(value), ...more };
  };

  it('give their labels first to the hovered one, then to stale ones, then to the greatest of each side', () => {
    const lines = [
      labelled('small', 1),
      labelled('great', -90),
      labelled('stale', 2, { staleFor: '3 m' }),
      labelled('right', 5, { side: 'right' }),
      labelled('hovered', 3),
      paneLine('unlabelled', { kind: 'line' }, [0], [99]),
    ];
    const names = byWeight(lines, 'hovered').map(({ line }) => line.name);
    expect(names.slice(0, 2)).toEqual(['hovered', 'stale']);
    expect(new Set(names.slice(2, 4))).toEqual(new Set(['great', 'right']));
    expect(names.slice(4)).toEqual(['small']);
  });

  it('of two sizes have an axis each and are named there, of like sizes share one', () => {
    const pane = (...sizes: number[]): Pane => ({
      id: 'pnl',
      title: 'PnL, USDT',
      left: { style: 'signed', keep: [0] },
      right: null,
      guides: [],
      lines: sizes.map((size, i) => labelled(`s${i}`, size)),
      weight: 1.5,
    });
    expect(bySize(pane(5, -12, 30))).toHaveLength(1);
    expect(bySize(pane(0, 12))).toHaveLength(1);
    const parted = bySize(pane(4, -900, 11, 0));
    expect(parted.map(({ title }) => title)).toEqual(['PnL, USDT · s1', 'PnL, USDT · 3 strategies']);
    expect(new Set(parted.map(({ id }) => id)).size).toBe(2);
    expect(parted.flatMap(({ lines }) => lines)).toHaveLength(4);
  });
});

describe('a gap', () => {
  it('is one by the usual spacing and by that of the rows around, so that rarer history is no gap', () => {
    const gaps = (times: number[]): number[] => {
      const line = paneLine('a', { kind: 'line' }, times, times);
      const columns = columnsOf(line, { bucketMs: 1, from: 0, to: 10_000 });
      return times.flatMap((_, i) => (i > 0 && isGap(columns, i, 1, 120) ? [i] : []));
    };
    // Rows of every 300 that come every 3 in the end: nothing is missing.
    expect(gaps([0, 300, 600, 900, 903, 906, 909])).toEqual([]);
    expect(gaps([0, 3, 6, 306, 309, 312])).toEqual([3]);
    expect(gaps([0, 300, 600, 9600, 9900])).toEqual([3]);
    expect(gaps([0, 300])).toEqual([1]);
  });
});
