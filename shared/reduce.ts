/** Which rows of a line stay when there are more than can be seen: the choice that server and page make alike. */
import { bucketStart, m4 } from './m4.ts';
import type { StreamDeclaration } from './streams.ts';

/** Rows of one line in order of time (epoch ms); one array a value column of the stream, NaN where a row has no number. */
export interface LineColumns {
  readonly times: ArrayLike<number>;
  /** By the name of the value column. Columns that the choice rests on must be there. */
  column(name: string): ArrayLike<number>;
}

/** Indexes of the rows to keep, ascending. Keeping from what was kept before gives the same again. */
export type Keep = (rows: LineColumns, bucketMs: number) => number[];

/** A row without a threshold of its own is held against this many standard deviations. */
export const USUAL_THRESHOLD = 3;

/** Points of one pixel column that can be told apart: as many as four rows for each of three values. */
export const POINTS_A_BUCKET = 12;
/** As many points as a chart draws at ease are never thinned. */
export const ALWAYS_DRAWN = 5000;

/** Up to so many points of a line every one above its threshold is kept; of more the database keeps the strongest. */
export function mostPoints(buckets: number): number {
  return Math.max(POINTS_A_BUCKET * buckets, ALWAYS_DRAWN);
}

/** Whether a stream is drawn as points: nothing of it is joined, so M4 says nothing about it. */
export function isScatter(stream: StreamDeclaration): boolean {
  return stream.name === 'anomalies';
}

/** Names of the values that are drawn as lines, in the order of the declaration. */
export function drawnValues(stream: StreamDeclaration): readonly string[] {
  return stream.values.flatMap(({ kind, name }) => (kind === 'text' || kind === 'timestamp' ? [] : [name]));
}

/**
 * How a stream's rows are reduced: lines by M4 over the values that are drawn; anomalies to every row at or above its own
 * threshold, and of each bucket's others the strongest, the earliest of equal ones.
 */
export function keeperOf(stream: StreamDeclaration): Keep {
  if (isScatter(stream)) return keepStrongest;
  const drawn = drawnValues(stream);
  return (rows, bucketMs) => m4({ times: rows.times, values: drawn.map((name) => rows.column(name)) }, bucketMs);
}

function keepStrongest(rows: LineColumns, bucketMs: number): number[] {
  const scores = rows.column('z_score');
  const thresholds = rows.column('threshold');
  const kept: number[] = [];
  let bucket = Number.NaN;
  let best = -1;
  let bestStrength = -1;
  const close = (): void => {
    if (best >= 0) kept.push(best);
    best = -1;
    bestStrength = -1;
  };
  for (let index = 0; index < rows.times.length; index += 1) {
    const own = bucketStart(rows.times[index] ?? 0, bucketMs);
    if (own !== bucket) close();
    bucket = own;
    const strength = Math.abs(scores[index] ?? Number.NaN);
    const limit = thresholds[index] ?? Number.NaN;
    if (strength >= (Number.isNaN(limit) ? USUAL_THRESHOLD : limit)) kept.push(index);
    // NaN is no strength at all, but stands for its bucket where nothing else does.
    else if (best < 0 || strength > bestStrength) {
      best = index;
      bestStrength = Number.isNaN(strength) ? -1 : strength;
    }
  }
  close();
  return kept.sort((a, b) => a - b);
}
