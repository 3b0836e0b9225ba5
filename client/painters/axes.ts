/** The options that make uPlot's axes ours: round ticks, labels that never repeat, no chart junk. */
import type uPlot from 'uplot';
import { type AxisRange, axisRange } from './range.ts';
import { type AxisSpec, type Frame, type Palette, type Pane, type Side, WHOLE } from './scene.ts';
import { timeLabels, timeTicks, valueLabels, valueTicks } from './ticks.ts';

/** What a pane draws at the moment; the axes ask for it whenever they are laid out. */
export interface Drawn {
  readonly pane: Pane;
  readonly frame: Frame;
  readonly palette: Palette;
  /** Width of the left axis that the pane's neighbours need, in CSS pixels: panes of one chart align. */
  readonly leftWidth: number;
}

/** Space between a plot and its time axis's labels in CSS pixels. */
export const TIME_AXIS_GAP = 8;

/** Height of the time axis in CSS pixels. */
function timeAxisHeight({ textSize, scale }: Palette): number {
  return Math.round(textSize * 1.3 + TIME_AXIS_GAP * scale);
}

/** How many ticks a value axis of this height carries. */
export function tickCount(plotHeight: number, textSize: number): number {
  return Math.max(2, Math.min(6, Math.floor(plotHeight / (textSize * 2.3))));
}

/** Range of an axis for what is drawn, on a plot of this height in CSS pixels. */
export function rangeOf(drawn: Drawn, side: Side, plotHeight: number): AxisRange {
  const spec = specOf(drawn.pane, side);
  const [bottom, top] = spec.band ?? WHOLE;
  const ticks = tickCount(plotHeight * (top - bottom), drawn.palette.textSize);
  return axisRange(spec, side, drawn.pane.lines, drawn.frame, ticks);
}

function specOf(pane: Pane, side: Side): AxisSpec {
  return side === 'right' && pane.right !== null ? pane.right : pane.left;
}

/**
 * Scale and axis options of one value axis. `drawn` is asked at every layout; `needs` is told the width in CSS pixels that
 * the axis's own labels need.
 */
export function valueAxis(
  drawn: () => Drawn,
  side: Side,
  needs: (width: number) => void,
): { scale: uPlot.Scale; axis: uPlot.Axis } {
  const plotHeight = (u: uPlot): number => u.bbox.height / uPlotRatio(u);
  const ticksOf = (u: uPlot): number[] => {
    const { low, high, isUnknown } = rangeOf(drawn(), side, plotHeight(u));
    if (isUnknown) return [];
    const [bottom, top] = specOf(drawn().pane, side).band ?? WHOLE;
    const { ticks } = specOf(drawn().pane, side);
    if (ticks !== undefined) return ticks.filter((tick) => tick >= low && tick <= high);
    return valueTicks(low, high, tickCount(plotHeight(u) * (top - bottom), drawn().palette.textSize));
  };
  return {
    scale: {
      auto: true,
      time: false,
      dir: specOf(drawn().pane, side).inverted === true ? -1 : 1,
      range: (u) => {
        const { min, max } = rangeOf(drawn(), side, plotHeight(u));
        return [min, max];
      },
    },
    axis: {
      scale: side,
      side: side === 'left' ? 3 : 1,
      gap: 8,
      ticks: { show: false },
      border: { show: false },
      grid: { show: side === 'left', width: drawn().palette.scale, stroke: () => drawn().palette.grid },
      stroke: () => drawn().palette.third,
      font: fontOf(drawn().palette),
      space: 1,
      splits: ticksOf,
      values: (_u, splits) => valueLabels(splits, specOf(drawn().pane, side).style),
      size: (_u, values) => {
        const own = axisWidth(values, side, drawn().palette.textSize);
        needs(own);
        return side === 'left' ? Math.max(own, drawn().leftWidth) : own;
      },
    },
  };
}

/** The time axis: labels only on the pane that carries them, grid lines on none. */
export function timeAxis(drawn: () => Drawn): { scale: uPlot.Scale; axis: uPlot.Axis } {
  const ticksOf = (u: uPlot): { ticks: number[]; step: number } => {
    const { frame, palette } = drawn();
    const most = Math.max(2, Math.floor(u.bbox.width / uPlotRatio(u) / (palette.textSize * 6)));
    return timeTicks(frame.from, frame.to, most, frame.zone);
  };
  return {
    scale: { auto: true, time: false, range: () => [drawn().frame.from, drawn().frame.to] },
    axis: {
      scale: 'x',
      side: 2,
      gap: TIME_AXIS_GAP * drawn().palette.scale,
      ticks: { show: false },
      border: { show: false },
      grid: { show: false },
      stroke: () => drawn().palette.third,
      font: fontOf(drawn().palette),
      space: 1,
      splits: (u) => ticksOf(u).ticks,
      values: (u, splits) => {
        const { frame, palette } = drawn();
        if (!frame.timeAxis) return splits.map(() => '');
        const labels = timeLabels(splits, ticksOf(u).step, frame.zone);
        // A label at the left end would run into the zone's name there.
        return labels.map((label, i) => (u.valToPos(splits[i] ?? 0, 'x') < palette.textSize * 1.8 ? '' : label));
      },
      size: () => (drawn().frame.timeAxis ? timeAxisHeight(drawn().palette) : 6),
    },
  };
}

function fontOf(palette: Palette): string {
  return `450 ${palette.textSize}px ${palette.font}`;
}

/** Device pixels in a CSS pixel, as uPlot laid this plot out. */
export function uPlotRatio(u: uPlot): number {
  return u.width > 0 ? u.ctx.canvas.width / u.width : 1;
}

/**
 * Room for `+0.0125` on every left axis, so that stacked panes align and the plot does not move with every digit; a right
 * one stands in its pane alone.
 */
const LEAST_LABEL_CHARS: Readonly<Record<Side, number>> = { left: 6, right: 3 };

/** Width for the widest label. Figures of Inter are about 0.62 of the text size wide. */
function axisWidth(values: readonly string[] | null, side: Side, textSize: number): number {
  const longest = Math.max(0, ...(values ?? []).map((value) => value.length));
  return Math.ceil(Math.max(LEAST_LABEL_CHARS[side], longest) * textSize * 0.62 + 10);
}
