/** The list of a symbol's anomalies, newest first: what the page holds, kept as its window slides on, and older pages. Pure. */
import type { StreamView } from '../model.ts';
import { isAbove } from '../painters/scatter.ts';

/** One anomaly. NaN where the row has no number. */
export interface Anomaly {
  /** Epoch ms. */
  readonly time: number;
  /** Null where the row names none. */
  readonly type: string | null;
  readonly value: number;
  readonly z: number;
  readonly threshold: number;
}

/** A list never holds more: beyond it the oldest are let go. */
export const MOST_LISTED = 5000;

/** Whether an entry deviates by at least its own threshold. */
export function stands({ z, threshold }: Anomaly): boolean {
  return isAbove(z, threshold);
}

/** Newest first; of equal times in a fixed order, so that the same rows always make the same list. */
function newestFirst(a: Anomaly, b: Anomaly): number {
  return (
    b.time - a.time || (a.type ?? '').localeCompare(b.type ?? '') || Math.abs(b.z) - Math.abs(a.z) || a.value - b.value
  );
}

/** What tells two anomalies apart; rows that are equal in everything have the same. */
export const keyOf = ({ time, type, value, z, threshold }: Anomaly): string =>
  JSON.stringify([time, type, `${value}`, `${z}`, `${threshold}`]);

/** The anomalies of one symbol that the page holds, newest first, at most MOST_LISTED. */
export function heldAnomalies(view: StreamView, symbol: string): readonly Anomaly[] {
  const found: Anomaly[] = [];
  for (const { key, lines } of view.channels) {
    if (key !== symbol) continue;
    for (const { name, times, columns } of lines) {
      const cell = (column: string, index: number): number => columns[column]?.[index] ?? Number.NaN;
      for (let i = Math.max(0, times.length - MOST_LISTED); i < times.length; i += 1) {
        found.push({
          time: times[i] ?? Number.NaN,
          type: name,
          value: cell('value', i),
          z: cell('z_score', i),
          threshold: cell('threshold', i),
        });
      }
    }
  }
  return found.sort(newestFirst).slice(0, MOST_LISTED);
}

/**
 * The list with what the page holds now: from the oldest of that on it is as the page holds it, and below it stays what
 * was listed before, so that nothing vanishes as the window slides on.
 */
export function withHeld(list: readonly Anomaly[], held: readonly Anomaly[]): readonly Anomaly[] {
  const oldest = held.at(-1);
  if (oldest === undefined) return list;
  const kept = list.filter(({ time }) => time < oldest.time);
  return [...held, ...kept].slice(0, MOST_LISTED);
}

/** The list with an older page below it. A page begins with rows of the last one's instant, so that none is missed between. */
export function withOlder(list: readonly Anomaly[], page: readonly Anomaly[]): readonly Anomaly[] {
  const last = list.at(-1)?.time ?? Number.POSITIVE_INFINITY;
  const there = new Map<string, number>();
  for (const entry of list) if (entry.time === last) there.set(keyOf(entry), (there.get(keyOf(entry)) ?? 0) + 1);
  const added = page.filter((entry) => {
    if (entry.time > last) return false;
    const same = there.get(keyOf(entry)) ?? 0;
    there.set(keyOf(entry), same - 1);
    return same <= 0;
  });
  return [...list, ...added].sort(newestFirst).slice(0, MOST_LISTED);
}
