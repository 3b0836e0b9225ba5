/** What a request for history covers: a range of time, its buckets, and the minutes whose rows are counted. */
import { bucketFor, bucketStart } from '../../shared/m4.ts';
import type { SnapshotRequest } from './ports.ts';

export const MINUTE_MS = 60_000;
/** Minutes whose rows are counted, the present one included. */
export const MINUTES = 60;
/**
 * Minutes after the present one whose rows are shown counted: a history reads the clock before it reads the rows, and in
 * between a minute may end.
 */
const MINUTES_TO_COME = 1;
/** Minutes after the present one whose rows are counted, for a history that is kept and shown later. */
export const MINUTES_AHEAD = 5;

/** A range of time and its buckets. */
export interface Window {
  /** Epoch ms: the start of the range, and the edge of a bucket at or before it, where it starts if it is reduced. */
  readonly from: number;
  readonly edge: number;
  readonly bucketMs: number;
  /** As many rows as this of one line are left as they are. */
  readonly buckets: number;
}

/** The window that ends at `now` (epoch ms). */
export function windowOf(now: number, rangeMs: number, resolution: SnapshotRequest['resolution']): Window {
  const asked = 'points' in resolution ? bucketFor(rangeMs, resolution.points) : resolution.bucketMs;
  // Whoever asks for no width at all is refused for the number of its buckets.
  const bucketMs = Math.max(1, asked);
  if ('bucketMs' in resolution && resolution.columns !== undefined) {
    // The last of the columns is the one that the present moment lies in.
    const widened = bucketStart(now, bucketMs) + bucketMs - resolution.columns * bucketMs;
    const from = Math.min(now - rangeMs, widened);
    return { from, edge: bucketStart(from, bucketMs), bucketMs, buckets: resolution.columns };
  }
  const from = now - rangeMs;
  const buckets =
    'points' in resolution ? resolution.points : asked > 0 ? Math.ceil(rangeMs / asked) : Number.POSITIVE_INFINITY;
  return { from, edge: bucketStart(from, bucketMs), bucketMs, buckets };
}

/** Where the minutes begin that are counted at `now`; epoch ms. */
export function minutesFrom(now: number): number {
  return (Math.floor(now / MINUTE_MS) - (MINUTES - 1)) * MINUTE_MS;
}

/** Until which `minutesFrom` a history can be shown whose counts begin at `from` (epoch ms) and are of `minutes` minutes. */
export function lastMinutesFrom(from: number, minutes: number): number {
  return from + (minutes - MINUTES - MINUTES_TO_COME) * MINUTE_MS;
}

/** Of rows by minute, what a frame tells: the last hour, and the minute to come where it has rows already. */
export function minutesShown(counts: readonly number[]): readonly number[] {
  const shown = counts.slice(0, MINUTES + MINUTES_TO_COME);
  while (shown.length > MINUTES && shown.at(-1) === 0) shown.pop();
  return shown;
}
