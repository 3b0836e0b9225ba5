/** How many pixel columns a chart's plot will have in a window that no chart was seen in yet. Not exact, and need not be. */
import { bucketFor } from '../../shared/m4.ts';
import type { StreamName } from '../../shared/streams.ts';
import { NAMES_FROM_WIDTH } from '../painters/room.ts';
import { columnsHeld } from '../painters/span.ts';

/** Up to these widths of the window the charts stand below one another, and those of several units too (client/style/page-narrow.css). */
const [ONE_COLUMN, ONE_PLOT] = [1000, 560];
/** From this width on texts are larger, by this factor. */
const [DENSE_FROM, DENSE] = [1800, 1.07];

/**
 * What the axis and the labels beside a plot of so many CSS pixels take of its width, with usual names; where there is room
 * for none, labels are values alone.
 */
function besideOf(name: StreamName, width: number): number {
  if (name === 'anomalies') return 74;
  if (width < NAMES_FROM_WIDTH) return 123;
  return name === 'signal_predictions' || name === 'system_metrics' ? 162 : 183;
}

/**
 * About how many columns (device pixels) the widest plot of a stream's chart will have in this window, such that one that
 * is a little wider or narrower will still do. `rangeMs`: what it shows.
 */
export function guessColumns(name: StreamName, rangeMs: number): number {
  // With what pads the page and the panel.
  const page = innerWidth - (innerWidth > 900 ? 48 : innerWidth > ONE_PLOT ? 36 : 30);
  const isRight = name === 'performance_metrics' || name === 'signal_predictions';
  const panel = innerWidth > ONE_COLUMN ? ((page - 12) * (isRight ? 5 : 7)) / 12 - (isRight ? 10 : 7) : page;
  // Metrics of several units stand side by side.
  const plot = name === 'system_metrics' && innerWidth > ONE_PLOT ? panel / 2 : panel;
  const beside = besideOf(name, plot) * (innerWidth < DENSE_FROM ? 1 : DENSE);
  const likely = Math.max(40, (plot - beside) * devicePixelRatio);
  let [best, slack] = [Math.round(likely), Number.NEGATIVE_INFINITY];
  for (let columns = best; columns > likely * 0.9; columns -= 1) {
    const least = rangeMs / bucketFor(rangeMs, columns);
    const own = Math.min(likely - least, columnsHeld(columns, rangeMs) - likely);
    if (own > slack) [best, slack] = [columns, own];
  }
  return best;
}
