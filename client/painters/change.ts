/**
 * From where on a pane's picture has become another one. A row that comes changes the last few pixel columns, and what lies
 * left of them, which is nearly all the work of painting a chart, can stay as it is. Pure.
 */
import { allColumnsOf, rowColumnsBefore } from './columns.ts';
import type { PaneLine } from './scene.ts';
import { columnOf, type Span } from './span.ts';

/** Whether a line is broken between two columns depends on how far apart those around them are. */
export const COLUMNS_BEFORE = 3;

/** Radius of a line's plain points in CSS pixels: the smaller, the more there are. */
export function dotRadius(count: number): number {
  return count > 400 ? 1.6 : count > 150 ? 2 : 2.6;
}

/** All that decides how lines look beside their rows and labels. Where it differs the whole picture is another one. */
export function looksOf(lines: readonly PaneLine[], span: Span): readonly unknown[] {
  return lines.map((line) => {
    const { name, side, slot, breakAfterMs, endText, staleFor, shape } = line;
    const { kind } = shape;
    const points =
      kind === 'dots'
        ? [shape.solidFrom, shape.spread, dotRadius(allColumnsOf(line, span).count)]
        : kind === 'scatter' && shape.thinned;
    return [name, side, slot, breakAfterMs, endText === null, staleFor === null, kind, points];
  });
}

/**
 * The first column of a span that looks different with the rows of `after`; Infinity where none does. The lines have to be
 * the same ones, of the same looks.
 */
export function changedFrom(before: readonly PaneLine[], after: readonly PaneLine[], span: Span): number {
  return Math.min(...after.map((line, index) => lineChangedFrom(before[index] ?? line, line, span)), Infinity);
}

/** Whether the labels at the ends of lines, which are the same ones, say the same. */
export function sameLabels(before: readonly PaneLine[], after: readonly PaneLine[]): boolean {
  return after.every(({ endText, staleFor }, index) => {
    const line = before[index];
    return line?.endText === endText && line.staleFor === staleFor;
  });
}

function lineChangedFrom(before: PaneLine, after: PaneLine, span: Span): number {
  const first = firstDifference(arraysOf(before), arraysOf(after));
  if (first === null) return Infinity;
  const time = Math.min(before.times[first] ?? Infinity, after.times[first] ?? Infinity);
  const isPoints = after.shape.kind === 'dots' || after.shape.kind === 'scatter';
  const row = isPoints ? first : rowColumnsBefore(after, span, first, COLUMNS_BEFORE);
  return columnOf(Math.min(time, after.times[row] ?? Infinity), span);
}

function arraysOf({ times, values, shape }: PaneLine): readonly Float64Array[] {
  return shape.kind === 'scatter' ? [times, values, shape.z, shape.threshold] : [times, values];
}

/** The first index at which columns of two batches of rows differ; null where they are the same. */
function firstDifference(before: readonly Float64Array[], after: readonly Float64Array[]): number | null {
  const [length = 0, other = 0] = [before[0]?.length, after[0]?.length];
  let first = Math.min(length, other);
  for (const [index, old] of before.entries()) {
    const now = after[index];
    if (now === undefined) return 0;
    for (let i = 0; i < first; i += 1) if (!Object.is(old[i], now[i])) first = i;
  }
  return first === length && first === other ? null : first;
}
