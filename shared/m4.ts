/**
 * M4 (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014): of
 * every bucket of a line only the first, the least, the greatest and the last point are kept. Drawn at one pixel column
 * a bucket, the result is the picture of all the points.
 */

/** Columns of one series, in order of time: `times` in epoch ms, and the values to be reduced (null is a gap). */
export interface M4Input {
  readonly times: ArrayLike<number>;
  readonly values: readonly ArrayLike<number | null>[];
}

/**
 * Which points to keep: indexes into the input, ascending, at most four a bucket and value column.
 *
 * @param bucketMs width of a bucket in ms; edges are multiples of it since the epoch, so that a sliding window and one
 *   loaded anew have the same buckets.
 */
export function m4(input: M4Input, bucketMs: number): number[] {
  const { times, values } = input;
  const kept = new Set<number>();
  const count = times.length;
  let start = 0;
  while (start < count) {
    const bucket = Math.floor((times[start] ?? 0) / bucketMs);
    let end = start + 1;
    while (end < count && Math.floor((times[end] ?? 0) / bucketMs) === bucket) end += 1;
    const before = kept.size;
    for (const column of values) keepExtremes(column, start, end, kept);
    // A bucket of nothing but gaps keeps its ends, which breaks the line there as all its rows would.
    if (kept.size === before) kept.add(start).add(end - 1);
    start = end;
  }
  return [...kept].sort((a, b) => a - b);
}

/** Adds first, min, max and last of `column[start, end)` to `kept`; gaps (null) and NaN are no extremes. */
function keepExtremes(column: ArrayLike<number | null>, start: number, end: number, kept: Set<number>): void {
  let least = -1;
  let most = -1;
  let first = -1;
  let last = -1;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i += 1) {
    const value = column[i];
    if (value === null || value === undefined || Number.isNaN(value)) continue;
    if (first < 0) first = i;
    last = i;
    if (least < 0 || value < low) {
      low = value;
      least = i;
    }
    if (most < 0 || value > high) {
      high = value;
      most = i;
    }
  }
  if (first < 0) return;
  kept.add(first).add(least).add(most).add(last);
}
