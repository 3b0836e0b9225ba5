/** Draws a line's points as a polyline, as steps, or with the space to zero filled. */
import { COLUMNS_BEFORE } from './change.ts';
import { columnsOf, isGap, type LineColumns, rowColumnsBefore } from './columns.ts';
import { type PaneLine, type Surface, slotColor, slotDash } from './scene.ts';
import { lowerBound } from './spans.ts';

/** How a line stands out: `focus` is hovered, `dim` is beside a hovered one. */
export type Emphasis = 'plain' | 'focus' | 'dim';

/** Opacity of what is not hovered. */
export const DIM_ALPHA = 0.22;

/** Opacity of the stroke through all values that one pixel column holds. */
const SPREAD_ALPHA = 0.4;

/** The paths of a line. */
interface Paths {
  readonly stroke: Path2D;
  /** What columns hold beside the values that are joined. */
  readonly spread: Path2D;
  readonly fill: Path2D | null;
}

/** Runs of joined columns as paths, clipped to the plot by the caller. */
export function paintLine(surface: Surface, line: PaneLine, emphasis: Emphasis): void {
  const { ctx, ratio, palette } = surface;
  const columns = paintedColumns(surface, line);
  if (columns.count === 0) return;
  const color = slotColor(palette, line.slot);
  const isArea = line.shape.kind === 'area';
  const paths: Paths = { stroke: new Path2D(), spread: new Path2D(), fill: isArea ? new Path2D() : null };
  traceRuns(surface, line, columns, paths);
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
 * Traces the columns: the last value of each is joined to the last one of the next, and a fainter stroke goes through all
 * that a column holds. So where rows come more often than elsewhere the line goes on at its own weight. A value that is
 * no number breaks the line only where its whole column holds none: a narrower break could not be seen.
 */
function traceRuns(surface: Surface, line: PaneLine, columns: LineColumns, paths: Paths): void {
  const { stroke, spread, fill } = paths;
  const { at, least, most, last } = columns;
  const { bucketMs } = surface.span;
  const stepped = line.shape.kind === 'steps';
  const zero = surface.y(0, line.side);
  let startX = 0;
  let x = 0;
  let y = 0;
  let length = 0;
  const finish = (): void => {
    // A column with no neighbour is a run too: a dot as wide as the line.
    if (length === 1) stroke.lineTo(x + 0.01, y);
    if (length > 0 && fill !== null) {
      fill.lineTo(x, zero);
      fill.lineTo(startX, zero);
      fill.closePath();
    }
    length = 0;
  };
  for (let i = 0; i < columns.count; i += 1) {
    const value = last[i] ?? Number.NaN;
    if (Number.isNaN(value)) {
      finish();
      continue;
    }
    if (length > 0 && isGap(columns, i, bucketMs, line.breakAfterMs)) finish();
    const lastY = y;
    x = surface.columnX(at[i] ?? 0);
    y = surface.y(value, line.side);
    const low = least[i] ?? value;
    const high = most[i] ?? value;
    if (low < high) {
      spread.moveTo(x, surface.y(low, line.side));
      spread.lineTo(x, surface.y(high, line.side));
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

/**
 * The columns that are painted: where only a part of the picture is, from some before all that is seen of it. Dashes are
 * counted from the line's beginning.
 */
function paintedColumns({ from, left, ratio, span }: Surface, line: PaneLine): LineColumns {
  // A joint of the line is as wide as the line.
  const column = Math.floor(from - left - 3 * ratio);
  if (column <= 0 || slotDash(line.slot).length > 0) return columnsOf(line, span);
  const seen = span.from + column * span.bucketMs;
  const first = line.times[rowColumnsBefore(line, span, lowerBound(line.times, seen), COLUMNS_BEFORE)];
  // There may be rows after the window alone.
  return columnsOf(line, span, Math.min(first ?? seen, seen));
}
