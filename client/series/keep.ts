/** Which rows of a line to keep when there are more than can be seen: the same choice that the server makes of its history. */
import { m4 } from '../../shared/m4.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { Batch } from './columns.ts';

/** Indexes of the rows to keep, ascending. Keeping from what was kept before gives the same again. */
export type Keep = (rows: Batch, bucketMs: number) => readonly number[];

/** A row without a threshold of its own is held against this many standard deviations. */
const USUAL_THRESHOLD = 3;

/**
 * How a stream's rows are reduced: lines by M4 over the values that are drawn; anomalies, which are drawn as points, to
 * every row at or above its threshold and the strongest of each bucket's others.
 *
 * @param numbers names of the batch's columns, in order.
 */
export function keeperOf(stream: StreamDeclaration, numbers: readonly string[]): Keep {
  if (stream.name === 'anomalies') return strongest(numbers.indexOf('z_score'), numbers.indexOf('threshold'));
  const drawn = stream.values.filter(({ kind }) => kind !== 'text' && kind !== 'timestamp').map(({ name }) => name);
  return ({ times, columns }, bucketMs) => {
    const values = columns.filter((_, index) => drawn.includes(numbers[index] ?? ''));
    return m4({ times, values }, bucketMs);
  };
}

function strongest(scoreAt: number, thresholdAt: number): Keep {
  return ({ times, columns }, bucketMs) => {
    const kept: number[] = [];
    const best = new Map<number, { readonly index: number; readonly strength: number }>();
    for (const [index, time] of times.entries()) {
      const strength = Math.abs(columns[scoreAt]?.[index] ?? Number.NaN);
      const threshold = columns[thresholdAt]?.[index] ?? Number.NaN;
      if (strength >= (Number.isFinite(threshold) ? threshold : USUAL_THRESHOLD)) {
        kept.push(index);
        continue;
      }
      const bucket = Math.floor(time / bucketMs);
      const known = best.get(bucket);
      // What has no finite score stands for its bucket only where nothing else does.
      const rank = Number.isFinite(strength) ? strength : -1;
      if (known === undefined || rank > known.strength) best.set(bucket, { index, strength: rank });
    }
    for (const { index } of best.values()) kept.push(index);
    return kept.sort((a, b) => a - b);
  };
}
