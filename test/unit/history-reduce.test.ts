/** Lines are reduced while they are read: the outcome is that of reducing them whole, and memory stays bounded. */
import { describe, expect, it } from 'vitest';
import { keeperOf, LineCollector } from '../../server/db/history-reduce.ts';
import type { Cells } from '../../server/db/queryable.ts';
import { m4 } from '../../shared/m4.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/history-reduce.test.ts';
const SEEDS = seeds(1, [7]);

function reduce(stream: StreamDeclaration, rows: readonly Cells[], most: number, bucketMs: number) {
  const collector = new LineCollector('a', most, keeperOf(stream, bucketMs, 1));
  for (const row of rows) collector.add(Number(row[0]), row);
  return collector.finish();
}

describe('reduction while reading', () => {
  it('of a line equals M4 of all of it', async () => {
    for (const seed of SEEDS)
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        let time = 1_700_000_000_000;
        const rows = Array.from({ length: 50_000 }, (): Cells => {
          time += random() * 1000;
          return [String(time), random() < 0.01 ? null : String(random()), null];
        });
        const bucketMs = 60_000;
        const kept = m4(
          { times: rows.map(([t]) => Number(t)), values: [rows.map(([, v]) => (v == null ? null : Number(v)))] },
          bucketMs,
        );
        const reduced = reduce(STREAMS.system_metrics, rows, 100, bucketMs);
        expect(reduced.reduced).toBe(true);
        expect(reduced.rows).toEqual(kept.map((index) => rows[index]));
      });
  });

  it('leaves a line alone that has as many rows as there are buckets', () => {
    const rows = Array.from({ length: 100 }, (_, index): Cells => [String(index), String(index % 3), null]);
    expect(reduce(STREAMS.system_metrics, rows, 100, 1000)).toEqual({ rows, reduced: false });
    expect(reduce(STREAMS.system_metrics, rows, 99, 1000).reduced).toBe(true);
  });

  it('does not let an infinite value push the greatest that can be drawn out of its bucket', () => {
    const values = ['1', 'Infinity', '5', '-Infinity', '-5', 'NaN', '1'];
    const rows = values.map((value, index): Cells => [String(index), value, null]);
    expect(reduce(STREAMS.system_metrics, rows, 1, 1000).rows.map(([, value]) => value)).toEqual(['1', '5', '-5', '1']);
  });

  it('of anomalies keeps all at or above their threshold, and of each bucket the strongest below', async () => {
    for (const seed of SEEDS)
      await withSeed(seed, FILE, () => {
        const random = seeded(seed);
        let time = 0;
        const rows = Array.from({ length: 20_000 }, (): Cells => {
          time += random() * 100;
          const score =
            random() < 0.05 ? ['NaN', 'Infinity', '-Infinity'][Math.floor(random() * 3)] : String(random() * 7 - 3.5);
          const threshold = random() < 0.3 ? null : random() < 0.1 ? 'NaN' : String(2 + random() * 2);
          return [String(time), '1', score ?? null, threshold];
        });
        const strength = ([, , score]: Cells): number => Math.abs(Number(score));
        const above = (row: Cells): boolean =>
          strength(row) >= (row[3] == null || row[3] === 'NaN' ? 3 : Number(row[3]));
        const bucketMs = 5000;
        const strongest = new Map<number, Cells>();
        for (const row of rows) {
          if (above(row) || Number.isNaN(strength(row))) continue;
          const bucket = Math.floor(Number(row[0]) / bucketMs);
          const best = strongest.get(bucket);
          if (best === undefined || strength(row) > strength(best)) strongest.set(bucket, row);
        }
        const wanted = new Set([...rows.filter(above), ...strongest.values()]);
        const reduced = reduce(STREAMS.anomalies, rows, 100, bucketMs);
        expect(reduced.reduced).toBe(true);
        expect(reduced.rows).toEqual(rows.filter((row) => wanted.has(row)));
        expect(reduce(STREAMS.anomalies, rows.slice(0, 100), 100, bucketMs)).toEqual({
          rows: rows.slice(0, 100),
          reduced: false,
        });
      });
  });
});
