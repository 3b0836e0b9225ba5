/** What a line was at a time. */
import { describe, expect, test } from 'vitest';
import { indexAt, readingsAt } from '../../client/reading/lookup.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';
import { paneLine } from '../support/reading-lines.ts';

const FILE = 'test/unit/reading-lookup.test.ts';
const COLUMNS = { bucketMs: 10, from: 0 };
const every = (ms: number, count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i * ms);
const STEPS = { shape: { kind: 'steps' } } as const;

describe('steps', () => {
  const line = paneLine('a', [100, 200, 200, 300], [1, 2, 3, 4], STEPS);
  test('hold the last row at or before the time, of equal times the one that arrived last', () => {
    expect([100, 150, 199.999, 200, 200.001, 299, 300].map((time) => indexAt(line, time, COLUMNS))).toEqual([
      0, 0, 0, 2, 2, 2, 3,
    ]);
  });

  test('are nowhere before their first row', () => {
    expect(indexAt(line, 99.9, COLUMNS)).toBe(-1);
    expect(indexAt(paneLine('none', [], [], STEPS), 1, COLUMNS)).toBe(-1);
  });

  test('end with their last row, but for the time that its successor may take', () => {
    expect(indexAt(line, 300 + 80, COLUMNS)).toBe(3);
    expect(indexAt(line, 300 + 81, COLUMNS)).toBe(-1);
    expect(indexAt({ ...line, breakAfterMs: 5000 }, 5300, COLUMNS)).toBe(3);
    expect(indexAt({ ...line, breakAfterMs: 5000 }, 5301, COLUMNS)).toBe(-1);
  });

  test('go back to a number within the pixel column, and no farther', () => {
    const broken = paneLine('a', [100, 102, 104, 205, 300], [1, 2, Number.NaN, Number.NaN, 5], STEPS);
    expect(indexAt(broken, 150, COLUMNS)).toBe(1);
    expect(indexAt(broken, 250, COLUMNS)).toBe(-1);
    // The number that is still to come is not what it was.
    expect(indexAt(paneLine('a', [100, 105], [Number.NaN, 2], STEPS), 101, COLUMNS)).toBe(-1);
  });
});

describe('a line', () => {
  test('has the nearest row', () => {
    const line = paneLine('a', [100, 200, 400], [1, 2, 3]);
    expect([100, 149, 151, 299, 301, 400].map((time) => indexAt(line, time, COLUMNS))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  test('is nothing in a gap, but near its edges', () => {
    const times = [...every(30, 20), ...every(30, 20, 10_000)];
    const line = paneLine('a', times, times, { breakAfterMs: 120 });
    expect(indexAt(line, 600, COLUMNS)).toBe(19);
    expect(indexAt(line, 5000, COLUMNS)).toBe(-1);
    expect(indexAt(line, 9950, COLUMNS)).toBe(20);
    expect(indexAt({ ...line, breakAfterMs: null }, 5000, COLUMNS)).toBe(19);
    expect(indexAt({ ...line, shape: { kind: 'steps' } }, 5000, COLUMNS)).toBe(-1);
    // Beside its next row a step is still what it was, which is nothing there.
    expect(indexAt({ ...line, shape: { kind: 'steps' } }, 9990, COLUMNS)).toBe(-1);
  });

  test('that is slow all along has no gaps, however long its steps are', () => {
    const times = every(1000, 10);
    expect(indexAt(paneLine('a', times, times, { breakAfterMs: 120 }), 4400, COLUMNS)).toBe(4);
  });

  test('whose rows of one pixel column were left out is judged by columns, not by rows', () => {
    // Four rows in each column, as the reduction keeps them: the distance between two rows is next to nothing.
    const times = every(1000, 10).flatMap((time) => [time, time + 1, time + 2, time + 3]);
    const line = paneLine('a', times, times, { breakAfterMs: 120 });
    expect(indexAt(line, 4400, COLUMNS)).toBe(19);
  });

  test('is nothing before and after its rows', () => {
    const line = paneLine('a', [1000, 1100], [1, 2]);
    expect(indexAt(line, 900, COLUMNS)).toBe(-1);
    expect(indexAt(line, 930, COLUMNS)).toBe(0);
    expect(indexAt(line, 1170, COLUMNS)).toBe(1);
    expect(indexAt(line, 1200, COLUMNS)).toBe(-1);
  });
});

describe('points', () => {
  const dots = { shape: { kind: 'dots', solidFrom: null, spread: false } } as const;
  test('are meant from near, and have nothing between them', () => {
    const line = paneLine('a', [100, 300, 305], [1, Number.NaN, 3], dots);
    expect(indexAt(line, 170, COLUMNS)).toBe(0);
    expect(indexAt(line, 190, COLUMNS)).toBe(-1);
    expect(indexAt(line, 300, COLUMNS)).toBe(2);
  });

  test('at equal times are the one that arrived last', () => {
    expect(indexAt(paneLine('a', [100, 100], [1, 2], dots), 100, COLUMNS)).toBe(1);
  });
});

test('a row of a full line is never a gap, never far and never without a number, whatever the rows', async () => {
  for (const seed of seeds(200)) {
    await withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const times: number[] = [];
      let at = 1000;
      for (let i = 0; i < 200; i += 1) {
        times.push(at);
        // Two long spaces in a row are how often rows come, and no gap.
        at += i % 9 === 8 && random() < 0.5 ? 3000 : random() < 0.2 ? 0 : Math.ceil(random() * 40);
      }
      const values = times.map(() => (random() < 0.15 ? Number.NaN : random()));
      const isStepped = random() < 0.5;
      const line = paneLine('a', times, values, { breakAfterMs: 200, ...(isStepped ? STEPS : {}) });
      for (let i = 0; i < 200; i += 1) {
        const time = 900 + random() * (at - 800);
        const index = indexAt(line, time, COLUMNS);
        if (index < 0) continue;
        const found = times[index] ?? Number.NaN;
        expect(Number.isFinite(values[index])).toBe(true);
        if (isStepped) {
          expect(found).toBeLessThanOrEqual(time);
          const later = times.filter((one, place) => one > found && one <= time && Number.isFinite(values[place]));
          expect(later).toEqual([]);
        }
        // Beyond a gap nothing is told.
        expect(Math.abs(found - time)).toBeLessThanOrEqual(200 + COLUMNS.bucketMs * 8);
      }
    });
  }
});

test('a read-out tells a line on both axes once, and a dash where there is nothing', () => {
  const right = { side: 'right' } as const;
  const lines = [
    paneLine('buy', [100], [0.7]),
    paneLine('sell', [100], [0.2]),
    paneLine('buy', [100], [Number.NaN], right),
  ];
  expect(readingsAt({ lines }, 100, COLUMNS).map(({ name, texts }) => [name, texts])).toEqual([
    ['buy', ['0.7', null]],
    ['sell', ['0.2']],
  ]);
});
