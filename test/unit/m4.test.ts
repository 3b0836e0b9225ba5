/** M4 keeps what a picture is made of, and nothing else. */
import { describe, expect, it } from 'vitest';
import { m4 } from '../../shared/m4.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/m4.test.ts';
const LINES = 200;
const SEEDS = seeds(2, [20_260_115]);

type Column = readonly (number | null)[];

/** The definition, written down naively: for each bucket the first, least, greatest and last value that is no gap. */
function definition(times: readonly number[], column: Column, bucketMs: number): Map<number, readonly number[]> {
  const buckets = new Map<number, number[]>();
  times.forEach((time, index) => {
    const bucket = Math.floor(time / bucketMs);
    const value = column[index];
    if (value === null || value === undefined || Number.isNaN(value)) return;
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), index]);
  });
  const value = (index: number): number => column[index] ?? Number.NaN;
  return new Map(
    [...buckets].map(([bucket, indexes]) => [
      bucket,
      [
        indexes[0] ?? -1,
        indexes.reduce((best, index) => (value(index) < value(best) ? index : best)),
        indexes.reduce((best, index) => (value(index) > value(best) ? index : best)),
        indexes.at(-1) ?? -1,
      ],
    ]),
  );
}

/** Lines with gaps, equal times and ties for the extremes. */
function randomLines(seed: number) {
  const random = seeded(seed);
  return Array.from({ length: LINES }, () => {
    const count = Math.floor(random() * 400);
    let time = Math.floor(random() * 1e6) - 5e5;
    const times = Array.from({ length: count }, () => {
      time += Math.floor(random() * 3) * Math.floor(random() * 500);
      return time;
    });
    const column = (): Column =>
      times.map(() => {
        const dice = random();
        if (dice < 0.1) return null;
        if (dice < 0.15) return Number.NaN;
        // Few different values, so that ties for the extremes are common.
        return dice < 0.5 ? Math.floor(random() * 4) : random() * 100 - 50;
      });
    return {
      times,
      values: Array.from({ length: 1 + Math.floor(random() * 3) }, column),
      bucketMs: 1 + Math.floor(random() * 2000),
    };
  });
}

describe('M4 of random lines', () => {
  it('keeps first, least, greatest and last of every bucket of every value, at most four each, and nothing more', async () => {
    for (const seed of SEEDS)
      await withSeed(seed, FILE, () => {
        for (const { times, values, bucketMs } of randomLines(seed)) {
          const wanted = new Set<number>();
          const drawn = new Set<number>();
          for (const column of values) {
            for (const [bucket, indexes] of definition(times, column, bucketMs)) {
              expect(new Set(indexes).size).toBeLessThanOrEqual(4);
              for (const index of indexes) wanted.add(index);
              drawn.add(bucket);
            }
          }
          // A bucket in which every value is a gap keeps its two ends.
          times.forEach((time, index) => {
            const bucket = Math.floor(time / bucketMs);
            if (drawn.has(bucket)) return;
            const before = times[index - 1];
            const after = times[index + 1];
            const begins = before === undefined || Math.floor(before / bucketMs) !== bucket;
            const ends = after === undefined || Math.floor(after / bucketMs) !== bucket;
            if (begins || ends) wanted.add(index);
          });
          expect(m4({ times, values }, bucketMs)).toEqual([...wanted].sort((a, b) => a - b));
        }
      });
  });

  it('changes nothing when done again, so that a line can be reduced while it is read', async () => {
    for (const seed of SEEDS)
      await withSeed(seed, FILE, () => {
        for (const { times, values, bucketMs } of randomLines(seed)) {
          const cut = Math.floor(times.length / 2);
          const kept = m4(
            { times: times.slice(0, cut), values: values.map((column) => column.slice(0, cut)) },
            bucketMs,
          );
          const joined = [...kept, ...times.keys()].filter((index, position) => position < kept.length || index >= cut);
          const again = m4(
            {
              times: joined.map((index) => times[index] ?? 0),
              values: values.map((column) => joined.map((index) => column[index] ?? null)),
            },
            bucketMs,
          ).map((position) => joined[position]);
          expect(again).toEqual(m4({ times, values }, bucketMs));
        }
      });
  });
});

describe('buckets of M4', () => {
  it('have their edges at multiples of their width since the epoch, before it too', () => {
    const times = [-1001, -1000, -1, 0, 999, 1000, 1999, 2000];
    const values = [[5, 1, 2, 3, 4, 5, 6, 7]];
    expect(m4({ times, values }, 1000)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(m4({ times, values }, 2000)).toEqual([0, 1, 2, 3, 6, 7]);
  });

  it('are as good as absent for no points', () => {
    expect(m4({ times: [], values: [[]] }, 1000)).toEqual([]);
  });
});
