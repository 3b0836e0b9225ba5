/**
 * How time lies on pixels: a pixel column of a plot is a whole bucket of the history, edges and all. So the picture of what
 * the reduction keeps is the picture of all the rows, and a window that slides goes by whole columns. Pure.
 */
import { bucketFor, WIDENING } from '../../shared/m4.ts';

/** A stretch of time on the pixel columns of a plot. Both ends are multiples of `bucketMs` since the epoch. */
export interface Span {
  /** Time of a pixel column, in ms. */
  readonly bucketMs: number;
  readonly columns: number;
  /** Epoch ms; the first column begins here. */
  readonly from: number;
  /** Epoch ms; the last column ends here. */
  readonly to: number;
}

/** The end of the column that holds `time`: where a window that shows it ends at the earliest. Epoch ms. */
export function edgeAfter(time: number, bucketMs: number): number {
  return (Math.floor(time / bucketMs) + 1) * bucketMs;
}

/** The span of a plot of so many device pixels whose window ends at `to`, an edge. */
export function spanOf(to: number, bucketMs: number, columns: number): Span {
  return { bucketMs, columns, from: to - columns * bucketMs, to };
}

/** The column that a time lies in: 0 is the first of the span; negative before it. */
export function columnOf(time: number, { bucketMs, from }: Pick<Span, 'bucketMs' | 'from'>): number {
  return Math.floor(time / bucketMs) - Math.round(from / bucketMs);
}

/** History reaches further back than a plot shows: by this part of its columns, and at least so many. */
const SPARE = { part: 0.04, least: 32 };

/**
 * How many columns of history a plot of so many pixel columns is to have: more than it shows, where the feed gives more (up to
 * a tenth of the range). The labels beside a plot change their width all the time, and to load the history anew for a few
 * columns would be a waste.
 */
export function columnsHeld(columns: number, rangeMs: number): number {
  const most = Math.floor((rangeMs * (1 + WIDENING)) / bucketFor(rangeMs, columns));
  const wanted = columns + Math.max(SPARE.least, Math.ceil(columns * SPARE.part));
  return Math.max(columns, Math.min(wanted, most));
}

/**
 * For how many columns history is to be asked, where a chart of `columns` device pixels shows `rangeMs` and `asked` is
 * what was asked for before. A chart whose width has changed a little keeps what it has, as long as it shows the range.
 */
export function columnsToAsk(asked: number, columns: number, rangeMs: number): number {
  const isEnough = columns <= columnsHeld(asked, rangeMs) && columns * bucketFor(rangeMs, asked) >= rangeMs;
  return isEnough ? asked : columns;
}
