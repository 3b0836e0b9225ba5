/** Draws a line's points as a polyline, as steps, or with the space to zero filled. */
import { type PaneLine, type Surface, slotColor, slotDash } from './scene.ts';
import { visible } from './spans.ts';

/** How a line stands out: `focus` is hovered, `dim` is beside a hovered one. */
export type Emphasis = 'plain' | 'focus' | 'dim';

/** Opacity of what is not hovered. */
export const DIM_ALPHA = 0.22;

/** Opacity of the stroke through all values that one pixel column holds. */
const SPREAD_ALPHA = 0.4;
/** A gap this many times as long as both of its neighbours is one in the data, not in how often rows come. */
const GAP_TIMES = 12;

/** The paths of a line. */
interface Paths {
  readonly stroke: Path2D;
  /** What columns hold beside the values that are joined. */
  readonly spread: Path2D;
  readonly fill: Path2D | null;
}

/** Runs of joined points as paths, clipped to the plot by the caller. */
export function paintLine(surface: Surface, line: PaneLine, from: number, to: number, emphasis: Emphasis): void {
  const { ctx, ratio, palette } = surface;
  const [first, end] = visible(line.times, from, to);
  if (end - first === 0) return;
  const color = slotColor(palette, line.slot);
  const isArea = line.shape.kind === 'area';
  const paths: Paths = { stroke: new Path2D(), spread: new Path2D(), fill: isArea ? new Path2D() : null };
  traceRuns(surface, line, first, end, paths);
  const alpha = emphasis === 'dim' ? DIM_ALPHA : 1;
  ctx.save();
  ctx.lineJoin = 'round';
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = alpha * SPREAD_ALPHA;
  ctx.stroke(paths.spread);
  ctx.globalAlpha = alpha * 0.14;
  if (paths.fill !== null) ctx.fill(paths.fill);
  ctx.globalAlpha = alpha;
  ctx.lineCap = 'round';
  ctx.lineWidth = (emphasis === 'focus' ? 2.25 : 1.5) * ratio;
  ctx.setLineDash(slotDash(line.slot).map((length) => length * ratio));
  ctx.stroke(paths.stroke);
  ctx.restore();
}

/**
 * Traces the points: of those that share a pixel column the last one is joined to the next column, and the spread of all
 * of them is a fainter stroke. So where rows come more often than elsewhere the line goes on at its own weight, and both
 * are the same of all rows as of the first, least, greatest and last.
 */
function traceRuns(surface: Surface, line: PaneLine, first: number, end: number, paths: Paths): void {
  const { times, values, side } = line;
  const { stroke, spread, fill } = paths;
  const stepped = line.shape.kind === 'steps';
  const zero = surface.y(0, side);
  let startX = 0;
  let x = 0;
  let y = 0;
  let length = 0;
  const finish = (): void => {
    // A point with no neighbour is a run too: a dot as wide as the line.
    if (length === 1) stroke.lineTo(x + 0.01, y);
    if (length > 0 && fill !== null) {
      fill.lineTo(x, zero);
      fill.lineTo(startX, zero);
      fill.closePath();
    }
    length = 0;
  };
  for (let i = first; i < end; i += 1) {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      finish();
      continue;
    }
    if (length > 0 && isGap(line, i)) finish();
    const lastX = x;
    const lastY = y;
    x = surface.x(times[i] ?? 0);
    y = surface.y(value, side);
    if (length > 0 && !stepped) {
      const column = Math.round(x);
      if (column === Math.round(lastX)) {
        spread.moveTo(column, lastY);
        spread.lineTo(column, y);
      }
      const isLast = i + 1 === end || !Number.isFinite(values[i + 1]);
      if (!isLast && column === Math.round(surface.x(times[i + 1] ?? 0))) continue;
    }
    if (length === 0) {
      startX = x;
      stroke.moveTo(x, y);
      fill?.moveTo(x, y);
    } else {
      if (stepped && y !== lastY) stroke.lineTo(x, lastY);
      stroke.lineTo(x, y);
      fill?.lineTo(x, y);
    }
    length += 1;
  }
  finish();
}

/** Whether rows are missing before the one at `i`: by the line's usual spacing, and by that of the rows around. */
export function isGap({ times, breakAfterMs }: PaneLine, i: number): boolean {
  if (breakAfterMs === null) return false;
  const apart = (from: number): number => (times[from + 1] ?? Number.NaN) - (times[from] ?? Number.NaN) || 0;
  const gap = apart(i - 1);
  return gap > breakAfterMs && gap > GAP_TIMES * Math.max(apart(i - 2), apart(i));
}
