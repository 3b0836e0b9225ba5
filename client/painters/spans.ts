/** Looking up times in a sorted column, and the extent of values. Pure. */
import type { PaneLine } from './scene.ts';

/** Index of the first time at or after `time`; the length where there is none. */
export function lowerBound(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the row nearest to a time, -1 in an empty column; of rows at the same time the newest to arrive. */
export function nearestIndex(times: Float64Array, time: number): number {
  const after = lowerBound(times, time);
  if (after === times.length) return times.length - 1;
  if (after > 0 && time - (times[after - 1] ?? 0) < (times[after] ?? 0) - time) return after - 1;
  let last = after;
  while (times[last + 1] === times[after]) last += 1;
  return last;
}

/** The rows to draw for [from, to]: those inside and one on each side, so that the line runs to the edges. */
export function visible(times: Float64Array, from: number, to: number): readonly [number, number] {
  const first = Math.max(0, lowerBound(times, from) - 1);
  const beyond = Math.min(times.length, lowerBound(times, to) + 1);
  return [first, beyond];
}

/**
 * The rows that the columns of a span are made of: those within it, and on each side the nearest finite one with all that
 * lies between, so that the line runs to the plot's edges.
 */
export function rowsOf(
  { times, values }: Pick<PaneLine, 'times' | 'values'>,
  { from, to }: { readonly from: number; readonly to: number },
): [number, number] {
  const inside = lowerBound(times, from);
  const beyond = lowerBound(times, to);
  let first = inside - 1;
  while (first >= 0 && !Number.isFinite(values[first])) first -= 1;
  let end = beyond;
  while (end < times.length && !Number.isFinite(values[end])) end += 1;
  return [first < 0 ? inside : first, end === times.length ? beyond : end + 1];
}

/** Least and greatest finite value in [first, end); null where there is none. */
export function extent(values: Float64Array, first: number, end: number): readonly [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = first; i < end; i += 1) {
    const value = values[i] ?? Number.NaN;
    if (value < low && value > Number.NEGATIVE_INFINITY) low = value;
    if (value > high && value < Number.POSITIVE_INFINITY) high = value;
  }
  return low <= high ? [low, high] : null;
}
