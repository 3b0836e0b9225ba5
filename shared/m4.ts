/**
 * M4 (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014): of
 * every bucket of a line only the first, the least, the greatest and the last point are kept. Drawn at one pixel column
 * a bucket, the result is the picture of all the points. `server/db/history/m4-sql.ts` makes the same choice in SQL.
 */

/** Columns of one series, in order of time: `times` in epoch ms, and the values to be reduced (null is a gap). */
export interface M4Input {
  readonly times: ArrayLike<number>;
  readonly values: readonly ArrayLike<number | null>[];
}

/** A bucket may be wider than a pixel column of the range by less than this part, so that its width is a round one. */
export const WIDENING = 0.1;
/** Widths in ms whose multiples buckets are, the most welcome first: rollups have buckets of the first three. */
const ROUND_MS = [180_000, 60_000, 15_000, 5_000, 1_000, 100, 10, 1];

/**
 * The width in ms of a bucket for a range that is drawn in so many pixel columns: the least one that is at least as wide
 * as a column, less than a tenth wider, and a multiple of as round a time as can be had. Buckets of a round width can be
 * read from rollups; the view is widened to it, so that a bucket is a pixel column.
 */
export function bucketFor(rangeMs: number, columns: number): number {
  const least = Math.max(1, rangeMs / columns);
  for (const round of ROUND_MS) {
    const width = Math.ceil(least / round) * round;
    if (width < least * (1 + WIDENING)) return width;
  }
  return Math.ceil(least);
}

/** The last bucket edge at or before `time` (epoch ms); edges are multiples of the width since the epoch. */
export function bucketStart(time: number, bucketMs: number): number {
  return Math.floor(time / bucketMs) * bucketMs;
}

/**
 * Which points to keep: indexes into the input, ascending, at most four a bucket and value column. What is kept of
 * narrower buckets may be the input, where they divide the wider ones: the result is that of all points.
 *
 * @param bucketMs width of a bucket in ms; edges are multiples of it since the epoch, so that a sliding window and one
 *   loaded anew have the same buckets.
 */
export function m4(input: M4Input, bucketMs: number): number[] {
  const { times, values } = input;
  const kept: number[] = [];
  const count = times.length;
  const chosen: number[] = [];
  let start = 0;
  while (start < count) {
    const edge = bucketStart(times[start] ?? 0, bucketMs) + bucketMs;
    let end = start + 1;
    while (end < count && (times[end] ?? 0) < edge) end += 1;
    chosen.length = 0;
    for (const column of values) chooseExtremes(column, start, end, chosen);
    // A bucket of nothing but gaps keeps its ends, which breaks the line there as all its rows would.
    if (chosen.length === 0) chosen.push(start, end - 1);
    sortFew(chosen);
    for (const index of chosen) if (kept[kept.length - 1] !== index) kept.push(index);
    start = end;
  }
  return kept;
}

/** Adds first, min, max and last of `column[start, end)`; gaps (null) and NaN are no extremes, nor is what is infinite. */
function chooseExtremes(column: ArrayLike<number | null>, start: number, end: number, chosen: number[]): void {
  let least = -1;
  let most = -1;
  let first = -1;
  let last = -1;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i += 1) {
    const value = column[i];
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    if (first < 0) first = i;
    last = i;
    if (value < low) {
      low = value;
      least = i;
    }
    if (value > high) {
      high = value;
      most = i;
    }
  }
  if (first >= 0) chosen.push(first, least, most, last);
}

/** Sorts numbers in their place, by insertion: a bucket chooses few, and a sort that asks a function takes longer than the choice. */
function sortFew(numbers: number[]): void {
  for (let at = 1; at < numbers.length; at += 1) {
    const number = numbers[at] ?? 0;
    let place = at;
    for (; place > 0; place -= 1) {
      const before = numbers[place - 1] ?? 0;
      if (before <= number) break;
      numbers[place] = before;
    }
    numbers[place] = number;
  }
}
