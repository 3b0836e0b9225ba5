/** The range of a value axis: from the values that are in view, and those that must stay in sight. Pure. */
import { scatterRows } from './scatter.ts';
import { type AxisSpec, type PaneLine, type Side, WHOLE } from './scene.ts';
import type { Span } from './span.ts';
import { extent, lowerBound, rowsOf } from './spans.ts';
import { roundRange } from './ticks.ts';

/** A scale's range, and the part of it that holds values and gets ticks. */
export interface AxisRange {
  readonly min: number;
  readonly max: number;
  readonly low: number;
  readonly high: number;
  /** Nothing tells how large values are: no tick would mean anything. */
  readonly isUnknown: boolean;
}

/** Extent of what a line shows within a span; null where it shows nothing. */
function extentInside(line: PaneLine, span: Pick<Span, 'bucketMs' | 'from' | 'to'>): readonly [number, number] | null {
  const { times, values, shape } = line;
  if (shape.kind !== 'scatter') return extent(values, lowerBound(times, span.from), lowerBound(times, span.to));
  const shown = Float64Array.from(scatterRows(line, shape, span), (index) => values[index] ?? Number.NaN);
  return extent(shown, 0, shown.length);
}

/** Range of one axis of a pane, from the lines that lie on it and what must stay in sight. */
export function axisRange(
  spec: AxisSpec,
  side: Side,
  lines: readonly PaneLine[],
  span: Pick<Span, 'bucketMs' | 'from' | 'to'>,
  ticks: number,
): AxisRange {
  let low = Math.min(...spec.keep, Number.POSITIVE_INFINITY);
  let high = Math.max(...spec.keep, Number.NEGATIVE_INFINITY);
  for (const line of lines) {
    if (line.side !== side) continue;
    // Only what lies within the window, so that it is scaled alike whether or not rows around it are held; where none
    // does, what the line comes from and goes to.
    const found = extentInside(line, span) ?? extent(line.values, ...rowsOf(line, span));
    if (found === null) continue;
    low = Math.min(low, found[0]);
    high = Math.max(high, found[1]);
  }
  const isUnknown = !(low < high) && lines.length === 0;
  let [min, max] = roundRange(low, high, ticks);
  // A bound that values keep to needs no air beyond it.
  min = Math.max(min, spec.least ?? Number.NEGATIVE_INFINITY);
  max = Math.min(max, spec.most ?? Number.POSITIVE_INFINITY);
  if (!(max > min)) max = min + 1;
  const [bottom, top] = spec.band ?? WHOLE;
  const size = (max - min) / (top - bottom);
  return { min: min - bottom * size, max: max + (1 - top) * size, low: min, high: max, isUnknown };
}
