/** Draws points: plain dots, and the anomalies' scatter whose size and colour follow |z|. */
import { fixed } from '../format.ts';
import { dotRadius } from './change.ts';
import { allColumnsOf } from './columns.ts';
import { DIM_ALPHA, type Emphasis } from './lines.ts';
import type { Extra } from './pane.ts';
import { isAbove, type ScatterShape, scatterRows, strengthOf } from './scatter.ts';
import { type Palette, type PaneLine, type Shape, type Surface, slotColor } from './scene.ts';

const CIRCLE = 2 * Math.PI;
/** Opacity of the stroke between the points of one pixel column: much fainter than they are. */
const SPREAD_ALPHA = 0.2;

/** Colour of a deviation: quiet below 3, then in three steps up to 5 and beyond. */
export function heatColor(palette: Palette, z: number): string {
  const size = Math.abs(z);
  if (size >= 5) return palette.heat[3];
  if (size >= 4) return palette.heat[2];
  return size >= 3 ? palette.heat[1] : palette.heat[0];
}

/** Radius of a deviation in CSS pixels: 2.5 at 2, 8 from 8 on. */
export function heatRadius(z: number): number {
  return Math.min(8, Math.max(2, 2.5 + (Math.abs(z) - 2) * 0.92));
}

/** Most rows that are named in the picture, and how great a deviation has to be for it. */
const MOST_NAMED = 4;
const NAMED_FROM = 5;

/** Names the greatest deviations beside their dots, where there is room. Returns where. */
export function paintNotes(surface: Surface, lines: readonly PaneLine[]): Extra[] {
  const { ctx, ratio, palette } = surface;
  const found: { name: string; z: number; x: number; y: number }[] = [];
  for (const line of lines) {
    const { shape, times, values, side, name } = line;
    if (shape.kind !== 'scatter') continue;
    for (const i of scatterRows(line, shape, surface.span)) {
      const z = shape.z[i] ?? 0;
      const value = values[i] ?? Number.NaN;
      if (Math.abs(z) >= NAMED_FROM && Number.isFinite(value))
        found.push({ name, z, x: surface.x(times[i] ?? 0), y: surface.y(value, side) });
    }
  }
  found.sort((a, b) => Math.abs(b.z) - Math.abs(a.z));
  const taken: { left: number; right: number; y: number }[] = [];
  const height = palette.textSize * ratio * 1.2;
  const painted: Extra[] = [];
  ctx.save();
  ctx.font = `500 ${(palette.textSize - 1) * ratio}px ${palette.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.lineJoin = 'round';
  ctx.lineWidth = 3 * ratio;
  ctx.strokeStyle = palette.panel;
  ctx.fillStyle = palette.second;
  for (const { name, z, x, y } of found.slice(0, MOST_NAMED)) {
    const text = `${name} ${fixed(z, 1, 'plus')}σ`;
    const width = ctx.measureText(text).width;
    const gap = (heatRadius(z) + 4) * ratio;
    const isRight = x + gap + width <= surface.left + surface.width;
    const left = isRight ? x + gap : x - gap - width;
    const right = left + width;
    if (left < surface.left || taken.some((t) => Math.abs(t.y - y) < height && t.left < right && left < t.right))
      continue;
    taken.push({ left, right, y });
    ctx.strokeText(text, left, y);
    ctx.fillText(text, left, y);
    painted.push([left - 2 * ratio, [text, y]]);
  }
  ctx.restore();
  return painted;
}

/** Draws a line's points; the great deviations last, so that none of them hides behind a lesser one. */
export function paintDots(surface: Surface, line: PaneLine, emphasis: Emphasis): void {
  const { ctx } = surface;
  ctx.save();
  ctx.globalAlpha = emphasis === 'dim' ? DIM_ALPHA : 1;
  if (line.shape.kind === 'scatter') paintScatter(surface, line, line.shape);
  else if (line.shape.kind === 'dots') paintPlain(surface, line, line.shape);
  ctx.restore();
}

function paintPlain(
  surface: Surface,
  line: PaneLine,
  { solidFrom, spread: hasSpread }: Extract<Shape, { kind: 'dots' }>,
): void {
  const { ctx, ratio, palette } = surface;
  const solid = new Path2D();
  const hollow = new Path2D();
  const spread = new Path2D();
  const { count, at, first, least, most, last } = allColumnsOf(line, surface.span);
  const radius = dotRadius(count) * ratio;
  for (let i = 0; i < count; i += 1) {
    const x = surface.columnX(at[i] ?? 0);
    if (x + radius + ratio < surface.from) continue;
    const found = new Set([least[i], most[i], first[i], last[i]]);
    for (const value of found) {
      if (value === undefined || Number.isNaN(value)) continue;
      const path = solidFrom === null || value >= solidFrom ? solid : hollow;
      const y = surface.y(value, line.side);
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, CIRCLE);
    }
    if (!hasSpread || found.size < 2) continue;
    spread.moveTo(x, surface.y(least[i] ?? 0, line.side));
    spread.lineTo(x, surface.y(most[i] ?? 0, line.side));
  }
  const color = slotColor(palette, line.slot);
  const alpha = ctx.globalAlpha;
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = alpha * SPREAD_ALPHA;
  ctx.stroke(spread);
  ctx.globalAlpha = alpha * 0.5;
  ctx.stroke(hollow);
  ctx.globalAlpha = alpha * 0.9;
  ctx.fill(solid);
}

function paintScatter(surface: Surface, line: PaneLine, columns: ScatterShape): void {
  const { ctx, ratio, palette } = surface;
  const order = scatterRows(line, columns, surface.span).filter((index) => Number.isFinite(line.values[index]));
  order.sort((a, b) => strengthOf(columns, a) - strengthOf(columns, b));
  const alpha = ctx.globalAlpha;
  for (const i of order) {
    const z = columns.z[i] ?? 0;
    const x = surface.x(line.times[i] ?? 0);
    const radius = heatRadius(z) * ratio;
    if (x + radius + ratio < surface.from) continue;
    const isSolid = isAbove(z, columns.threshold[i] ?? Number.NaN);
    const color = heatColor(palette, z);
    ctx.beginPath();
    ctx.arc(x, surface.y(line.values[i] ?? 0, line.side), radius, 0, CIRCLE);
    if (isSolid) {
      ctx.globalAlpha = alpha * 0.82;
      ctx.fillStyle = color;
      ctx.fill();
      // A rim in the panel's colour keeps dots apart that lie on each other.
      ctx.globalAlpha = alpha;
      ctx.lineWidth = ratio;
      ctx.strokeStyle = palette.panel;
      ctx.stroke();
    } else {
      ctx.globalAlpha = alpha * 0.75;
      ctx.lineWidth = 1.25 * ratio;
      ctx.strokeStyle = color;
      ctx.stroke();
    }
  }
}
