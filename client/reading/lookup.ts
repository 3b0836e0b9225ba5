/** What a chart's lines were at a time: the row that counts there, and nothing where the line has a gap. Pure. */
import type { Pane, PaneLine } from '../painters/scene.ts';
import { columnOf, type Span } from '../painters/span.ts';
import { lowerBound, nearestIndex } from '../painters/spans.ts';

/** How time lies on a plot. */
export type Columns = Pick<Span, 'bucketMs' | 'from'>;

/** Points, and the ends of lines, are meant from so many pixel columns away. */
const REACH_COLUMNS = 8;
/** A gap this many times as long as the spaces beside it is one in the data; as it is painted. */
const GAP_TIMES = 12;

/**
 * Index of the row that a line has at a time (epoch ms), -1 where it has none: of steps the last one at or before it, of
 * points one that is near, else the nearest. Between rows that are not joined only what is near counts.
 */
export function indexAt(line: PaneLine, time: number, columns: Columns): number {
  const { times } = line;
  const reach = REACH_COLUMNS * columns.bucketMs;
  if (line.shape.kind === 'dots' || line.shape.kind === 'scatter') return nearestPoint(line, time, reach);
  const nearest = nearestIndex(times, time);
  if (nearest < 0) return -1;
  const before = lowerBound(times, time + Number.EPSILON * time) - 1;
  const meant = line.shape.kind === 'steps' ? before : nearest;
  const near = (index: number): boolean => Math.abs((times[index] ?? Number.NaN) - time) <= reach;
  // Before its first row a line is nowhere; behind its last one it ends, which its next row may be about to change.
  if (before < 0) return line.shape.kind !== 'steps' && near(0) ? finiteNear(line, 0, columns) : -1;
  if (before === times.length - 1) {
    const silent = time - (times[before] ?? Number.NaN);
    return silent <= Math.max(reach, line.breakAfterMs ?? 0) ? finiteNear(line, before, columns) : -1;
  }
  if (isGapAfter(line, before, columns) && !near(meant)) return -1;
  return finiteNear(line, meant, columns);
}

/** Whether the row and the next one are not joined: judged by the distances of the columns around, as it is painted. */
function isGapAfter({ times, breakAfterMs }: PaneLine, index: number, columns: Columns): boolean {
  if (breakAfterMs === null) return false;
  const column = (at: number): number => columnOf(times[at] ?? Number.NaN, columns);
  const apart = (column(index + 1) - column(index)) * columns.bucketMs;
  if (!(apart > breakAfterMs)) return false;
  let first = index;
  while (first > 0 && column(first) === column(index)) first -= 1;
  let last = index + 1;
  while (last < times.length - 1 && column(last) === column(index + 1)) last += 1;
  const before = (column(index) - column(first)) * columns.bucketMs;
  const after = (column(last) - column(index + 1)) * columns.bucketMs;
  return apart > GAP_TIMES * Math.max(before, after);
}

/** The nearest row in the same pixel column that has a number; -1 where none has: there the line is broken. */
function finiteNear({ times, values, shape }: PaneLine, index: number, columns: Columns): number {
  const own = columnOf(times[index] ?? Number.NaN, columns);
  const fits = (at: number): boolean => columnOf(times[at] ?? Number.NaN, columns) === own;
  for (let step = 0; fits(index - step) || fits(index + step); step += 1) {
    if (fits(index - step) && Number.isFinite(values[index - step])) return index - step;
    if (shape.kind !== 'steps' && fits(index + step) && Number.isFinite(values[index + step])) return index + step;
  }
  return -1;
}

function nearestPoint({ times, values }: PaneLine, time: number, reach: number): number {
  let best = -1;
  let distance = reach;
  for (let i = lowerBound(times, time - reach); i < times.length && (times[i] ?? 0) <= time + reach; i += 1) {
    const own = Math.abs((times[i] ?? 0) - time);
    // Of rows as near as each other the newest to arrive counts, which stands last.
    if (own > distance || !Number.isFinite(values[i])) continue;
    best = i;
    distance = own;
  }
  return best;
}

/** One line of a read-out. */
export interface Reading {
  readonly name: string;
  readonly slot: number;
  readonly isColoured: boolean;
  /** One for each axis that the line has a part of; null where it has no value. */
  readonly texts: readonly (string | null)[];
}

/** What every line of a pane was at a time (epoch ms); a line that stands on both axes is told once. */
export function readingsAt({ lines }: Pick<Pane, 'lines'>, time: number, columns: Columns): readonly Reading[] {
  const byName = new Map<string, Reading>();
  for (const line of lines) {
    const index = indexAt(line, time, columns);
    const text = index < 0 ? null : line.format(line.values[index] ?? Number.NaN);
    const { name, slot, shape } = line;
    const texts = [...(byName.get(name)?.texts ?? []), text];
    byName.set(name, { name, slot, isColoured: shape.kind !== 'scatter', texts });
  }
  return [...byName.values()];
}
