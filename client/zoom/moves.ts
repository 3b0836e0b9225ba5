/** How a visitor moves through time: zooming in and out around a place, panning, choosing a stretch. Pure. */
import type { Zoom } from '../view.ts';

/** A stretch of time, epoch ms. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What bounds a zoom: the present (epoch ms) and the range that it is a part of. */
export interface Bounds {
  readonly now: number;
  readonly rangeMs: number;
}

/** Below this a pixel of a wide chart would be shorter than a millisecond. */
export const LEAST_SPAN_MS = 5_000;
/** An end that comes this near to the present, as a share of the span, holds on to it. */
const NEAR = 0.02;

/** The stretch that is shown, zoomed or not. */
export function shownStretch(zoom: Zoom | null, { now, rangeMs }: Bounds): Stretch {
  const to = zoom?.to ?? now;
  return { from: to - (zoom?.spanMs ?? rangeMs), to };
}

/**
 * The zoom that shows a stretch, as nearly as may be: no shorter than LEAST_SPAN_MS, no longer than the range, not beyond
 * the present. A stretch that ends at the present follows it; null where it is the whole range.
 */
export function zoomOn({ from, to }: Stretch, { now, rangeMs }: Bounds): Zoom | null {
  const spanMs = Math.round(Math.min(rangeMs, Math.max(LEAST_SPAN_MS, to - from)));
  const end = Math.round((from + to + spanMs) / 2);
  if (end < now - NEAR * spanMs) return { spanMs, to: end };
  return spanMs < (1 - NEAR) * rangeMs ? { spanMs, to: null } : null;
}

/** Zooms by a factor (below 1: in), so that the time at a share of the width (0: left, 1: right) stays where it is. */
export function zoomBy(zoom: Zoom | null, factor: number, share: number, bounds: Bounds): Zoom | null {
  const { from, to } = shownStretch(zoom, bounds);
  const spanMs = Math.min(bounds.rangeMs, Math.max(LEAST_SPAN_MS, (to - from) * factor));
  const start = from + (to - from - spanMs) * share;
  return zoomOn({ from: start, to: start + spanMs }, bounds);
}

/** Moves by a share of what is shown; negative: into the past. */
export function panBy(zoom: Zoom | null, share: number, bounds: Bounds): Zoom | null {
  const { from, to } = shownStretch(zoom, bounds);
  const end = Math.min(bounds.now, to + (to - from) * share);
  return zoomOn({ from: end - (to - from), to: end }, bounds);
}
