/** Draws a line's points as a polyline, as steps, or with the space to zero filled. */
import { type PaneLine, type Surface, slotColor, slotDash } from './scene.ts';
import { visible } from './spans.ts';

/** How a line stands out: `focus` is hovered, `dim` is beside a hovered one. */
export type Emphasis = 'plain' | 'focus' | 'dim';

/** Opacity of what is not hovered. */
export const DIM_ALPHA = 0.22;

/** Runs of joined points as paths, clipped to the plot by the caller. */
export function paintLine(surface: Surface, line: PaneLine, from: number, to: number, emphasis: Emphasis): void {
  const { ctx, ratio, palette } = surface;
  const [first, end] = visible(line.times, from, to);
  if (end - first === 0) return;
  const color = slotColor(palette, line.slot);
  const stroke = new Path2D();
  const fill = line.shape.kind === 'area' ? new Path2D() : null;
  traceRuns(surface, line, first, end, stroke, fill);
  ctx.save();
  ctx.globalAlpha = emphasis === 'dim' ? DIM_ALPHA : 1;
  ctx.lineJoin = 'round';
  ctx.lineCap = 'round';
  if (fill !== null) {
    ctx.fillStyle = color;
    const alpha = ctx.globalAlpha;
    ctx.globalAlpha = alpha * 0.14;
    ctx.fill(fill);
    ctx.globalAlpha = alpha;
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = (emphasis === 'focus' ? 2.25 : 1.5) * ratio;
  ctx.setLineDash(slotDash(line.slot).map((length) => length * ratio));
  ctx.stroke(stroke);
  ctx.restore();
}

function traceRuns(
  surface: Surface,
  line: PaneLine,
  first: number,
  end: number,
  stroke: Path2D,
  fill: Path2D | null,
): void {
  const { times, values, side, breakAfterMs } = line;
  const stepped = line.shape.kind === 'steps';
  const zero = surface.y(0, side);
  let startX = 0;
  let x = 0;
  let y = 0;
  let before = 0;
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
    const time = times[i] ?? 0;
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      finish();
      continue;
    }
    if (length > 0 && breakAfterMs !== null && time - before > breakAfterMs) finish();
    const lastY = y;
    x = surface.x(time);
    y = surface.y(value, side);
    if (length === 0) {
      startX = x;
      stroke.moveTo(x, y);
      fill?.moveTo(x, y);
    } else {
      if (stepped && y !== lastY) stroke.lineTo(x, lastY);
      stroke.lineTo(x, y);
      fill?.lineTo(x, y);
    }
    before = time;
    length += 1;
  }
  finish();
}
