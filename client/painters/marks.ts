/** Draws what stands behind the lines: the hatched time without data, the zero line, lines of reference. */
import { zoneLabel } from '../format.ts';
import { TIME_AXIS_GAP } from './axes.ts';
import type { Frame, Guide, Hatch, Surface } from './scene.ts';

const HATCH_SPACING = 7;

/** Diagonal hatching over the periods without data, with an edge where the data ends. */
export function paintHatches(surface: Surface, hatches: readonly Hatch[]): void {
  const { ctx, ratio, palette, top, height } = surface;
  const right = surface.left + surface.width;
  for (const hatch of hatches) {
    const x0 = Math.max(surface.left, surface.x(hatch.from));
    const x1 = Math.min(right, surface.x(hatch.to));
    if (x1 - x0 < ratio) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(x0, top, x1 - x0, height);
    ctx.clip();
    ctx.strokeStyle = palette.hatch;
    ctx.lineWidth = 2.5 * ratio;
    ctx.beginPath();
    // Anchored to the pane and not to the hatch, so that the pattern stands still while the zone grows.
    const step = HATCH_SPACING * ratio;
    for (let x = surface.left - height; x < x1 + height; x += step) {
      if (x + height < x0) continue;
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
    ctx.save();
    ctx.fillStyle = palette.alarm;
    ctx.fillRect(Math.round(x0), top, Math.max(1, Math.round(ratio)), height);
    ctx.restore();
  }
}

/** A bar at the lower edge of the plot under each marked period, at least wide enough to be seen. */
export function paintMarks(surface: Surface, marks: readonly Hatch[]): void {
  const { ctx, ratio, palette } = surface;
  const right = surface.left + surface.width;
  ctx.fillStyle = palette.third;
  for (const mark of marks) {
    const x0 = Math.max(surface.left, surface.x(mark.from));
    const x1 = Math.min(right, Math.max(surface.x(mark.to), x0 + 3 * ratio));
    if (x1 > x0) ctx.fillRect(x0, surface.top + surface.height - 3 * ratio, x1 - x0, 3 * ratio);
  }
}

/** Lines of reference. */
export function paintGuides(surface: Surface, guides: readonly Guide[]): void {
  const { ctx, ratio, palette } = surface;
  for (const guide of guides) {
    const y = Math.round(surface.y(guide.value, guide.side));
    if (y < surface.top - 1 || y > surface.top + surface.height + 1) continue;
    ctx.save();
    ctx.strokeStyle = guide.tone === 'zero' ? palette.zero : palette.third;
    ctx.lineWidth = Math.max(1, Math.round(ratio));
    if (guide.tone === 'guide') ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(surface.left, y + 0.5);
    ctx.lineTo(surface.left + surface.width, y + 0.5);
    ctx.stroke();
    ctx.restore();
  }
}

/** Labels of the lines of reference, above them at the left end of the plot. Painted on top of everything else. */
export function paintGuideLabels(surface: Surface, guides: readonly Guide[]): void {
  for (const { label, side, value } of guides)
    if (label !== null) paintText(surface, label, surface.left + 6 * surface.ratio, surface.y(value, side));
}

/** Text above a point, with the panel's colour around its letters, so that what lies behind does not cross them out. */
function paintText(surface: Surface, label: string, x: number, y: number): void {
  const { ctx, ratio, palette } = surface;
  ctx.save();
  ctx.font = `500 ${(palette.textSize - 1) * ratio}px ${palette.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  ctx.lineJoin = 'round';
  ctx.lineWidth = 3 * ratio;
  ctx.strokeStyle = palette.panel;
  ctx.strokeText(label, x, y - 2 * ratio);
  ctx.fillStyle = palette.second;
  ctx.fillText(label, x, y - 2 * ratio);
  ctx.restore();
}

/** The zone of the time axis, at its left end. */
export function paintZone(surface: Surface, frame: Frame): void {
  const { ctx, ratio, palette } = surface;
  ctx.save();
  ctx.font = `500 ${(palette.textSize - 1) * ratio}px ${palette.font}`;
  ctx.fillStyle = palette.third;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'top';
  const y = surface.top + surface.height + (TIME_AXIS_GAP + 0.5) * ratio;
  ctx.fillText(zoneLabel(frame.to, frame.zone), surface.left - 8 * ratio, y);
  ctx.restore();
}
