/**
 * Which rows of a scatter are drawn: every one at or above its own threshold, always, and of the lesser ones the strongest
 * of a pixel column where there are more than can be told apart. The reduction of history makes the same choice. Pure.
 */
import type { PaneLine, Shape } from './scene.ts';
import { columnOf, type Span } from './span.ts';
import { lowerBound } from './spans.ts';

/** The threshold of a row that names none. */
export const USUAL_THRESHOLD = 3;

export type ScatterShape = Extract<Shape, { kind: 'scatter' }>;

/** Whether a row deviates by at least its own threshold (NaN: 3). */
export function isAbove(z: number, threshold: number): boolean {
  return Math.abs(z) >= (Number.isNaN(threshold) ? USUAL_THRESHOLD : threshold);
}

/** |z| of the row at an index; below every other where it has none. */
export function strengthOf({ z }: Pick<ScatterShape, 'z'>, index: number): number {
  const strength = Math.abs(z[index] ?? Number.NaN);
  return Number.isNaN(strength) ? -1 : strength;
}

/** Indexes of the rows that are drawn in a span, ascending. */
export function scatterRows(
  { times }: Pick<PaneLine, 'times'>,
  shape: ScatterShape,
  span: Pick<Span, 'bucketMs' | 'from' | 'to'>,
): number[] {
  const rows: number[] = [];
  const end = lowerBound(times, span.to);
  let column = Number.NaN;
  let best = -1;
  for (let i = lowerBound(times, span.from); i < end; i += 1) {
    if (!shape.thinned || isAbove(shape.z[i] ?? Number.NaN, shape.threshold[i] ?? Number.NaN)) {
      rows.push(i);
      continue;
    }
    const own = columnOf(times[i] ?? 0, span);
    if (own !== column) {
      if (best >= 0) rows.push(best);
      best = i;
      column = own;
    } else if (strengthOf(shape, i) > strengthOf(shape, best)) {
      best = i;
    }
  }
  if (best >= 0) rows.push(best);
  return shape.thinned ? rows.sort((a, b) => a - b) : rows;
}
