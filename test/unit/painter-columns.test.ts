/** What the painters draw from: a line's pixel columns, and the rows of a scatter. */
import { describe, expect, it } from 'vitest';
import { RANGE_MS } from '../../client/model.ts';
import { columnsOf, isGap } from '../../client/painters/columns.ts';
import { axisRange } from '../../client/painters/range.ts';
import { scatterRows } from '../../client/painters/scatter.ts';
import type { AxisSpec, PaneLine, Shape } from '../../client/painters/scene.ts';
import { columnOf, columnsHeld, columnsToAsk, edgeAfter, spanOf } from '../../client/painters/span.ts';
import { rowsOf } from '../../client/painters/spans.ts';
import { bucketFor, m4, WIDENING } from '../../shared/m4.ts';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAMS } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/painter-columns.test.ts';
const NONE = Number.NaN;

function line(times: readonly number[], values: readonly number[], shape: Shape = { kind: 'line' }): PaneLine {
  const columns = { times: Float64Array.from(times), values: Float64Array.from(values) };
  return {
    ...columns,
    name: 'line',
    side: 'left',
    shape,
    slot: 0,
    breakAfterMs: null,
    endText: null,
    staleFor: null,
    format: String,
    source: {
      stream: 'system_metrics',
      line: {
        name: null,
        times: columns.times,
        columns: {},
        texts: {},
        arrivedAt: null,
        spacingMs: null,
        stale: false,
      },
      symbol: '',
      derived: [],
    },
  };
}

describe('a span', () => {
  it('has edges at multiples since the epoch, the last one after the time that it shows', () => {
    expect(edgeAfter(1499.999, 500)).toBe(1500);
    expect(edgeAfter(1500, 500)).toBe(2000);
    expect(spanOf(2000, 500, 3)).toEqual({ bucketMs: 500, columns: 3, from: 500, to: 2000 });
  });

  it('puts each microsecond into its own column', () => {
    const bucketMs = 540_000;
    const span = spanOf(edgeAfter(Date.UTC(2026, 10, 22), bucketMs), bucketMs, 1200);
    expect(columnOf(span.from, span)).toBe(0);
    expect(columnOf(span.from - 0.001, span)).toBe(-1);
    expect(columnOf(span.to - 0.001, span)).toBe(1199);
    expect(columnOf(span.to, span)).toBe(1200);
  });

  it('is asked for anew only where a chart shows more, or less than its range', () => {
    const range = 168 * 3_600_000;
    expect(bucketFor(range, 1200)).toBe(540_000);
    expect(columnsToAsk(1200, 1190, range)).toBe(1200);
    // Nine minutes a column: 1,232 of them are seven days and a tenth, which is all that the feed gives.
    expect(columnsHeld(1200, range)).toBe(1232);
    expect(columnsToAsk(1200, 1232, range)).toBe(1200);
    expect(columnsToAsk(1200, 1233, range)).toBe(1233);
    // 1,119 columns of nine minutes are less than seven days.
    expect(columnsToAsk(1200, 1119, range)).toBe(1119);
  });
});

it('some columns more than a plot shows are held of it, and never more than the feed gives', () => {
  for (const range of Object.values(RANGE_MS)) {
    for (let columns = 100; columns <= 4800; columns += 7) {
      const held = columnsHeld(columns, range);
      const bucketMs = bucketFor(range, columns);
      expect(held).toBeGreaterThanOrEqual(columns);
      expect(held * bucketMs).toBeLessThanOrEqual(range * (1 + WIDENING) + bucketMs);
    }
  }
});

describe('the columns of a line', () => {
  const span = { bucketMs: 10, from: 100, to: 200 };

  it('hold the first, least, greatest and last number of each, and say where there is none', () => {
    const columns = columnsOf(line([100, 101, 102, 103, 115, 116, 129], [5, 9, NONE, 6, NONE, NONE, 7]), span);
    expect([...columns.at.subarray(0, columns.count)]).toEqual([0, 1, 2]);
    expect([...columns.first.subarray(0, 3)]).toEqual([5, NONE, 7]);
    expect([...columns.least.subarray(0, 3)]).toEqual([5, NONE, 7]);
    expect([...columns.most.subarray(0, 3)]).toEqual([9, NONE, 7]);
    expect([...columns.last.subarray(0, 3)]).toEqual([6, NONE, 7]);
  });

  it('reach to the nearest number on each side of the window, and no farther', () => {
    const times = [50, 60, 70, 150, 210, 220, 230];
    const values = [1, 2, NONE, 3, NONE, 4, 5];
    expect(rowsOf(line(times, values), span)).toEqual([1, 6]);
    const columns = columnsOf(line(times, values), span);
    expect([...columns.at.subarray(0, columns.count)]).toEqual([-4, -3, 5, 11, 12]);
    expect(rowsOf(line([50, 60], [NONE, NONE]), span)).toEqual([2, 2]);
    expect(rowsOf(line([], []), span)).toEqual([0, 0]);
  });

  it('are the same of what is kept as of all rows, with their gaps', async () => {
    for (const seed of seeds(200)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const bucketMs = pick(random, [7, 10, 1000]);
        const parts = pick(random, [1, 2, 3, 4]);
        const columns = 40;
        const seen = spanOf(edgeAfter(random() * 1e9, bucketMs * parts), bucketMs * parts, columns);
        const reach = columns * bucketMs * parts;
        const times = Array.from(
          { length: Math.floor(random() * 800) },
          () => seen.from + (random() * 1.4 - 0.2) * reach,
        )
          .map((time) => Math.round(time * 1000) / 1000)
          .sort((a, b) => a - b);
        const isHole = pick(random, [() => false, () => random() < 0.3, (i: number) => i % 50 < 30]);
        const values = times.map((_, i) => (isHole(i) ? NONE : Math.round(random() * 20)));
        const other = times.map(() => (random() < 0.2 ? NONE : random()));
        const kept = m4({ times, values: [values, other] }, bucketMs);
        const at = (column: readonly number[]): number[] => kept.map((index) => column[index] ?? NONE);
        const whole = columnsOf(line(times, values), seen);
        const reduced = columnsOf(line(at(times), at(values)), seen);
        expect(reduced.count).toBe(whole.count);
        for (const name of ['at', 'first', 'least', 'most', 'last'] as const)
          expect([...reduced[name].subarray(0, reduced.count)]).toEqual([...whole[name].subarray(0, whole.count)]);
        for (let i = 0; i < whole.count; i += 1)
          expect(isGap(reduced, i, bucketMs, 3 * bucketMs)).toBe(isGap(whole, i, bucketMs, 3 * bucketMs));
        const spec: AxisSpec = { style: 'plain', keep: [] };
        expect(axisRange(spec, 'left', [line(at(times), at(values))], seen, 5)).toEqual(
          axisRange(spec, 'left', [line(times, values)], seen, 5),
        );
      });
    }
  });
});

describe('the axis', () => {
  const spec: AxisSpec = { style: 'plain', keep: [] };
  const span = { bucketMs: 10, from: 100, to: 200 };

  it('is scaled by what is within the window, and by what lies around it where nothing is', () => {
    const around = line([50, 150, 250], [1000, 5, 1000]);
    expect(axisRange(spec, 'left', [around], span, 5).max).toBeLessThan(10);
    expect(axisRange(spec, 'left', [line([50, 250], [1000, 2000])], span, 5)).toMatchObject({ isUnknown: false });
    expect(axisRange(spec, 'left', [line([50, 250], [1000, 2000])], span, 5).max).toBeGreaterThanOrEqual(2000);
  });
});

describe('a scatter', () => {
  const span = { bucketMs: 10, from: 100, to: 200 };
  const shape = (z: number[], threshold: number[], thinned: boolean): Extract<Shape, { kind: 'scatter' }> => ({
    kind: 'scatter',
    z: Float64Array.from(z),
    threshold: Float64Array.from(threshold),
    thinned,
  });
  const z = [9, 1, -2, 2, 4, NONE, 3, NONE, 5];
  const threshold = [NONE, NONE, NONE, NONE, 5, NONE, NONE, NONE, NONE];
  const drawn = line([90, 100, 101, 102, 103, 111, 112, 121, 200], z);

  it('of which there are few is drawn whole', () => {
    expect(scatterRows(drawn, shape(z, threshold, false), span)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('of which there are many keeps all above their threshold, and of the others of a column the strongest', () => {
    // 4 is below its own threshold of 5; of a column without any score the first stands for it.
    expect(scatterRows(drawn, shape(z, threshold, true), span)).toEqual([4, 5, 6, 7]);
  });

  it('is drawn the same of what is kept as of all rows, and never without a row above its threshold', async () => {
    const keep = keeperOf(STREAMS.anomalies);
    for (const seed of seeds(100)) {
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        const parts = pick(random, [1, 2, 5]);
        const times = Array.from({ length: 600 }, () => 90 + random() * 120).sort((a, b) => a - b);
        const scores = times.map(() => (random() < 0.05 ? NONE : Math.round((random() - 0.5) * 90) / 10));
        const limits = times.map(() => pick(random, [NONE, 3, 4.4]));
        const column = (name: string): readonly number[] => (name === 'z_score' ? scores : limits);
        const kept = keep({ times, column }, span.bucketMs / parts);
        const at = (cells: readonly number[]): number[] => kept.map((index) => cells[index] ?? NONE);
        const whole = scatterRows(line(times, scores), shape(scores, limits, true), span);
        const few = scatterRows(line(at(times), at(scores)), shape(at(scores), at(limits), true), span);
        expect(few.map((index) => kept[index])).toEqual(whole);
        const above = times.flatMap((time, index) => {
          const limit = Number.isNaN(limits[index] ?? NONE) ? 3 : (limits[index] ?? 3);
          return time >= span.from && time < span.to && Math.abs(scores[index] ?? NONE) >= limit ? [index] : [];
        });
        expect(whole).toEqual(expect.arrayContaining(above));
      });
    }
  });
});
