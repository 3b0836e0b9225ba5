/**
 * How many pixel columns a chart's plot will have, before there is a plot: the page's history is asked for in columns. The
 * width of the labels beside a plot is only known when there are rows, so that it is remembered from visit to visit.
 */

import type { StreamName } from '../../shared/streams.ts';
import type {} from '../feed/early.ts';

const keyOf = (name: StreamName): string => `alphapulse.columns.${name}.${innerWidth}x${devicePixelRatio}`;

/** The columns of a stream's chart when it was last seen; 0 where that is not known. */
export function recallColumns(name: StreamName): number {
  try {
    return Number(localStorage.getItem(keyOf(name)));
  } catch {
    // Storage may be forbidden: the history is then asked for twice.
    return 0;
  }
}

/** Remembers them. */
export function rememberColumns(name: StreamName, columns: number): void {
  try {
    localStorage.setItem(keyOf(name), `${columns}`);
  } catch {
    // As above.
  }
}

/** For how many columns a stream's history is to be asked first; 0 where neither the last visit nor a guess tells. */
export function firstColumns(name: StreamName): number {
  return recallColumns(name) || (window.earlyFeed?.columns.get(name) ?? 0);
}
