/** Looking up times in a sorted column, and the extent of the values that are in view. Pure. */
import type { AxisSpec, PaneLine, Side } from './scene.ts';
import { roundRange } from './ticks.ts';

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

/** A scale's range, and the part of it that holds values and gets ticks. */
export interface AxisRange {
  readonly min: number;
  readonly max: number;
  readonly low: number;
  readonly high: number;
  /** Nothing tells how large values are: no tick would mean anything. */
  readonly isUnknown: boolean;
}

/** Range of one axis of a pane, from the lines that lie on it and what must stay in sight. */
export function axisRange(
  spec: AxisSpec,
  side: Side,
  lines: readonly PaneLine[],
  from: number,
  to: number,
  ticks: number,
): AxisRange {
  let low = Math.min(...spec.keep, Number.POSITIVE_INFINITY);
  let high = Math.max(...spec.keep, Number.NEGATIVE_INFINITY);
  for (const line of lines) {
    if (line.side !== side) continue;
    const [first, end] = visible(line.times, from, to);
    const found = extent(line.values, first, end);
    if (found === null) continue;
    low = Math.min(low, found[0]);
    high = Math.max(high, found[1]);
  }
  const isUnknown = !(low < high) && lines.length === 0;
  let [min, max] = roundRange(low, high, ticks);
  // A bound that values keep to needs no air beyond it.
  min = Math.max(min, spec.least ?? Number.NEGATIVE_INFINITY);
  max = Math.min(max, spec.most ?? Number.POSITIVE_INFINITY);
  if (!(max > min)) max = min + 1;
  const [bottom, top] = spec.band ?? [0, 1];
  const size = (max - min) / (top - bottom);
  return { min: min - bottom * size, max: max + (1 - top) * size, low: min, high: max, isUnknown };
}
