/**
 * Remembers how many pixel columns a chart's plot had in a window of this size, so that the next visit asks for the right
 * history at once: the width of the labels beside a plot is only known when there are rows.
 */
import type { StreamName } from '../../shared/streams.ts';

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
