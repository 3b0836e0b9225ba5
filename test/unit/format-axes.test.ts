/** Ticks, labels and ranges of the charts' axes, and labels at the lines' ends. */
import { describe, expect, it } from 'vitest';
import { dodge } from '../../client/painters/labels.ts';
import { slotColor, slotDash } from '../../client/painters/scene.ts';
import { extent, nearestIndex, visible } from '../../client/painters/spans.ts';
import { niceStep, roundRange, timeLabels, timeTicks, valueLabels, valueTicks } from '../../client/painters/ticks.ts';

const HOUR = 3_600_000;
const STYLES = ['plain', 'signed', 'percent', 'percent-signed'] as const;

/** A small generator (mulberry32), so that a failure can be repeated from its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe('value axes', () => {
  it('never write the same text at two ticks, and have as many ticks as fit', () => {
    const seed = Number(process.env.SEED ?? 20261122);
    const next = random(seed);
    for (let round = 0; round < 5000; round += 1) {
      const low = (next() - 0.5) * 10 ** (next() * 14 - 8);
      // Nearer together than that, doubles themselves can no longer tell ticks apart.
      const high = low + Math.max(Math.abs(low) * 1e-9, 10 ** (next() * 14 - 8));
      const most = 2 + Math.floor(next() * 5);
      const [min, max] = roundRange(low, high, most);
      const hint = `SEED=${seed} npx vitest run test/unit/format-axes.test.ts, round ${round}: ${low} to ${high}`;
      expect(min, hint).toBeLessThanOrEqual(low);
      expect(max, hint).toBeGreaterThanOrEqual(high);
      const ticks = valueTicks(min, max, most);
      expect(ticks.length, hint).toBeGreaterThan(0);
      expect(ticks.length, hint).toBeLessThanOrEqual(most + 2);
      for (const style of STYLES) {
        const labels = valueLabels(ticks, style);
        expect(new Set(labels).size, `${hint}: ${labels.join(' ')}`).toBe(ticks.length);
      }
    }
  });

  it('write percent, signs and large values as the title promises', () => {
    expect(valueLabels([-0.0001, 0, 0.0001, 0.0002], 'percent-signed')).toEqual(['\u22120.01', '0', '+0.01', '+0.02']);
    expect(valueLabels([0, 0.5, 1], 'percent')).toEqual(['0', '50', '100']);
    expect(valueLabels([30_000, 32_500, 35_000], 'plain')).toEqual(['30.0k', '32.5k', '35.0k']);
    expect(valueLabels([0, 2.5, 5], 'plain')).toEqual(['0', '2.5', '5.0']);
  });

  it('step by 1, 2, 2.5 or 5', () => {
    expect([0.9, 1, 1.1, 2.1, 2.6, 5.1].map(niceStep)).toEqual([1, 1, 2, 2.5, 5, 10]);
    expect(niceStep(0)).toBe(1);
  });

  it('keep still while values move within half a tick', () => {
    expect(roundRange(0, 9.0, 5)).toEqual(roundRange(0, 9.2, 5));
    expect(roundRange(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5)).toEqual([0, 1]);
    const [low, high] = roundRange(7, 7, 4);
    expect(low).toBeLessThan(7);
    expect(high).toBeGreaterThan(7);
  });
});

describe('time axes', () => {
  const noon = Date.UTC(2026, 10, 22, 12);

  it('have ticks at round times and the date at midnight', () => {
    const { ticks, step } = timeTicks(noon - 24 * HOUR, noon, 8, 'utc');
    expect(step).toBe(3 * HOUR);
    expect(timeLabels(ticks, step, 'utc')).toEqual([
      '12:00',
      '15:00',
      '18:00',
      '21:00',
      '22 Nov',
      '03:00',
      '06:00',
      '09:00',
      '12:00',
    ]);
  });

  it('name days where ticks are days apart', () => {
    const { ticks, step } = timeTicks(noon - 7 * 24 * HOUR, noon, 7, 'utc');
    expect(timeLabels(ticks, step, 'utc')).toEqual([
      'Mon 16',
      'Tue 17',
      'Wed 18',
      'Thu 19',
      'Fri 20',
      'Sat 21',
      'Sun 22',
    ]);
  });

  it('stay at round local times over a change of the clocks, without a tick twice', () => {
    const before = process.env.TZ;
    try {
      process.env.TZ = 'Europe/Berlin';
      for (const change of [Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1)]) {
        const { ticks, step } = timeTicks(change - 9 * HOUR, change + 9 * HOUR, 7, 'local');
        expect(new Set(ticks).size).toBe(ticks.length);
        expect(ticks.every((tick, i) => i === 0 || tick > (ticks[i - 1] ?? 0))).toBe(true);
        const labels = timeLabels(ticks, step, 'local');
        expect(labels.filter((label) => !/^(\d\d:00|\d+ \w+)$/.test(label))).toEqual([]);
      }
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });
});

describe('columns in a window', () => {
  const times = Float64Array.of(10, 20, 20, 30, 40);

  it('are drawn from the row before the window to the row after it', () => {
    expect(visible(times, 20, 31)).toEqual([0, 5]);
    expect(visible(times, 25, 26)).toEqual([2, 4]);
    expect(visible(times, 50, 60)).toEqual([4, 5]);
    expect(visible(new Float64Array(0), 0, 1)).toEqual([0, 0]);
  });

  it('give the nearest row, of simultaneous ones the last', () => {
    expect(nearestIndex(times, 19)).toBe(2);
    expect(nearestIndex(times, 12)).toBe(0);
    expect(nearestIndex(times, 99)).toBe(4);
    expect(nearestIndex(new Float64Array(0), 1)).toBe(-1);
  });

  it('have an extent of finite values only', () => {
    expect(extent(Float64Array.of(Number.NaN, 3, Number.POSITIVE_INFINITY, -1), 0, 4)).toEqual([-1, 3]);
    expect(extent(Float64Array.of(Number.NaN), 0, 1)).toBeNull();
  });
});

describe('labels at the lines’ ends', () => {
  it('never overlap and never leave the plot', () => {
    const wanted = [50, 51, 52, 98, 99, 3].map((y, item) => ({ item, y }));
    const placed = dodge(wanted, 14, 0, 100);
    expect(placed).toHaveLength(6);
    for (const [i, label] of placed.entries()) {
      expect(label.y).toBeGreaterThanOrEqual(0);
      expect(label.y).toBeLessThanOrEqual(100);
      if (i > 0) expect(label.y - (placed[i - 1]?.y ?? 0)).toBeGreaterThanOrEqual(14 - 1e-9);
    }
    expect(placed.map(({ item }) => item)).toEqual([5, 0, 1, 2, 3, 4]);
  });

  it('leave out the last ones where not all fit', () => {
    const placed = dodge(
      [1, 2, 3, 4, 5].map((y, item) => ({ item, y })),
      20,
      0,
      40,
    );
    expect(placed.map(({ item }) => item)).toEqual([0, 1, 2]);
  });

  it('hold sixteen lines apart by colour and dash', () => {
    const palette = {
      panel: '',
      text: '',
      second: '',
      third: '',
      grid: '',
      zero: '',
      alarm: '',
      hatch: '',
      series: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
      heat: ['', '', '', ''],
      font: '',
      textSize: 12,
      scale: 1,
    } as const;
    const styles = Array.from({ length: 16 }, (_, slot) => `${slotColor(palette, slot)} ${slotDash(slot).join()}`);
    expect(new Set(styles).size).toBe(16);
  });
});
