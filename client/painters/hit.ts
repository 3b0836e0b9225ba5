/** Which row of a pane the pointer means. Pure geometry over the scene. */
import type { PaneLine, Side } from './scene.ts';
import { lowerBound, nearestIndex } from './spans.ts';

/** The row under the pointer. */
export interface Hit {
  readonly line: PaneLine;
  readonly index: number;
  /** How far the pointer is from it, in the units of `x` and `y`. */
  readonly distance: number;
}

/** Positions of times and values in CSS pixels of the plot. */
export interface Positions {
  x(time: number): number;
  y(value: number, side: Side): number;
  time(x: number): number;
}

/** Finds the row that a pointer means. */
export type HitTest = typeof hitTest;

/** How far around the pointer points are looked for, in CSS pixels. */
const REACH = 28;

/**
 * The row that a pointer at (px, py) means: of points the nearest one within reach, of lines the row nearest in time on
 * the line that runs nearest to the pointer.
 */
export function hitTest(lines: readonly PaneLine[], at: Positions, px: number, py: number): Hit | null {
  let best: Hit | null = null;
  const offer = (line: PaneLine, index: number, distance: number): void => {
    if (best === null || distance < best.distance) best = { line, index, distance };
  };
  for (const line of lines) {
    if (line.shape.kind === 'dots' || line.shape.kind === 'scatter') {
      const end = lowerBound(line.times, at.time(px + REACH));
      for (let i = lowerBound(line.times, at.time(px - REACH)); i < end; i += 1) {
        const value = line.values[i] ?? Number.NaN;
        if (!Number.isFinite(value)) continue;
        const distance = Math.hypot(at.x(line.times[i] ?? 0) - px, at.y(value, line.side) - py);
        if (distance <= REACH) offer(line, i, distance);
      }
    } else {
      const index = nearestIndex(line.times, at.time(px));
      const value = line.values[index] ?? Number.NaN;
      if (index >= 0 && Number.isFinite(value)) offer(line, index, Math.abs(at.y(value, line.side) - py));
    }
  }
  return best;
}
