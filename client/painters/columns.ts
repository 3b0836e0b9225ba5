/**
 * What a line holds in each pixel column: the first, least, greatest and last of its finite values, and nothing else. The
 * painters draw from this alone, so that they draw the same of all rows as of the rows that the reduction keeps (M4). Pure.
 */
import type { PaneLine } from './scene.ts';
import { columnOf, type Span } from './span.ts';
import { lowerBound, rowsOf } from './spans.ts';

/** The columns of a line that hold rows, from left to right; all arrays are `count` long. */
export interface LineColumns {
  readonly count: number;
  /** Place of each: 0 is the plot's first column. */
  readonly at: Int32Array;
  /** Values of each, NaN where the column has rows but no finite value: there the line is broken. */
  readonly first: Float64Array;
  readonly least: Float64Array;
  readonly most: Float64Array;
  readonly last: Float64Array;
}

/** The first row of the column that has so many other ones of the line between it and the row at `index`, which may be one past the last. */
export function rowColumnsBefore(
  { times }: Pick<PaneLine, 'times'>,
  span: Pick<Span, 'bucketMs' | 'from'>,
  index: number,
  columns: number,
): number {
  let first = index;
  let column = Infinity;
  for (let left = columns; first > 0; first -= 1) {
    const own = columnOf(times[first - 1] ?? 0, span);
    if (own < column) left -= 1;
    if (left < 0) break;
    column = own;
  }
  return first;
}

/** What was last found of a line's values. */
const found = new WeakMap<Float64Array, { readonly span: string; readonly columns: LineColumns }>();

/** The columns of a line in a span, found once for whoever asks. */
export function allColumnsOf(
  line: Pick<PaneLine, 'times' | 'values'>,
  span: Pick<Span, 'bucketMs' | 'from' | 'to'>,
): LineColumns {
  const key = [span.bucketMs, span.from, span.to].join();
  const known = found.get(line.values);
  if (known?.span === key) return known.columns;
  const columns = columnsOf(line, span);
  found.set(line.values, { span: key, columns });
  return columns;
}

/** The columns of a line in a span; with `since` (epoch ms), from the one on that it lies in. */
export function columnsOf(
  line: Pick<PaneLine, 'times' | 'values'>,
  span: Pick<Span, 'bucketMs' | 'from' | 'to'>,
  since = span.from,
): LineColumns {
  const { times, values } = line;
  const [start, end] = rowsOf(line, { from: since, to: span.to });
  // Each row outside of the span may have a column of its own; within it there are no more columns than pixels.
  const outside = lowerBound(times, since) - start + end - lowerBound(times, span.to);
  const room = Math.min(end - start, outside + 1 + Math.ceil((span.to - since) / span.bucketMs));
  const at = new Int32Array(room);
  const first = new Float64Array(room).fill(Number.NaN);
  const least = new Float64Array(room).fill(Number.NaN);
  const most = new Float64Array(room).fill(Number.NaN);
  const last = new Float64Array(room).fill(Number.NaN);
  let count = 0;
  for (let i = start; i < end; i += 1) {
    const column = columnOf(times[i] ?? 0, span);
    if (count === 0 || at[count - 1] !== column) {
      at[count] = column;
      count += 1;
    }
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    const own = count - 1;
    if (Number.isNaN(last[own])) first[own] = value;
    if (!((least[own] ?? 0) <= value)) least[own] = value;
    if (!((most[own] ?? 0) >= value)) most[own] = value;
    last[own] = value;
  }
  return { count, at, first, least, most, last };
}

/** A gap this many times as long as both of its neighbours is one in the data, not in how often rows come. */
const GAP_TIMES = 12;

/**
 * Whether rows are missing before the column at `i`: by `breakAfterMs`, the line's own measure, and by the distances of
 * the columns around. Null joins whatever lies apart.
 */
export function isGap({ at, count }: LineColumns, i: number, bucketMs: number, breakAfterMs: number | null): boolean {
  if (breakAfterMs === null) return false;
  const apart = (from: number): number => {
    return from < 0 || from + 1 >= count ? 0 : ((at[from + 1] ?? 0) - (at[from] ?? 0)) * bucketMs;
  };
  const gap = apart(i - 1);
  return gap > breakAfterMs && gap > GAP_TIMES * Math.max(apart(i - 2), apart(i));
}
