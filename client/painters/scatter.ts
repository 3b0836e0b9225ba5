/**
 * Which rows of a scatter are drawn: every one at or above its own threshold, always, and of the lesser ones the strongest
 * of a pixel column where there are more than can be told apart. The reduction of history makes the same choice. Pure.
 */
import { keeperOf, USUAL_THRESHOLD } from '../../shared/reduce.ts';
import { STREAMS } from '../../shared/streams.ts';
import type { PaneLine, Shape } from './scene.ts';
import type { Span } from './span.ts';
import { lowerBound } from './spans.ts';

export type ScatterShape = Extract<Shape, { kind: 'scatter' }>;

const keepStrongest = keeperOf(STREAMS.anomalies);

/** Whether a row deviates by at least its own threshold (NaN: 3). */
export function isAbove(z: number, threshold: number): boolean {
  return Math.abs(z) >= (Number.isNaN(threshold) ? USUAL_THRESHOLD : threshold);
}

/** |z| of the row at an index; below every other where it has none. */
export function strengthOf({ z }: Pick<ScatterShape, 'z'>, index: number): number {
  const strength = Math.abs(z[index] ?? Number.NaN);
  return Number.isNaN(strength) ? -1 : strength;
}

/** What was last chosen of a shape, which an axis, its dots and their names all ask for. */
const chosen = new WeakMap<ScatterShape, { readonly span: string; readonly rows: readonly number[] }>();

/** Indexes of the rows that are drawn in a span, ascending. */
export function scatterRows(
  { times }: Pick<PaneLine, 'times'>,
  shape: ScatterShape,
  { bucketMs, from, to }: Pick<Span, 'bucketMs' | 'from' | 'to'>,
): readonly number[] {
  const span = [bucketMs, from, to].join();
  const known = chosen.get(shape);
  if (known?.span === span) return known.rows;
  const rows = choose(times, shape, { bucketMs, from, to });
  chosen.set(shape, { span, rows });
  return rows;
}

function choose(
  times: Float64Array,
  { z, threshold, thinned }: ScatterShape,
  { bucketMs, from, to }: Pick<Span, 'bucketMs' | 'from' | 'to'>,
): number[] {
  const start = lowerBound(times, from);
  const end = lowerBound(times, to);
  if (!thinned) return Array.from({ length: end - start }, (_, index) => start + index);
  const column = (name: string): Float64Array => (name === 'z_score' ? z : threshold).subarray(start, end);
  return keepStrongest({ times: times.subarray(start, end), column }, bucketMs).map((index) => start + index);
}
