/**
 * One plotting area on the screen. uPlot does the canvas, the scales and the axes; the lines are painted by
 * `client/painters`, because each has timestamps of its own (uPlot would have to join them) and they come and go.
 */
import './locale.ts';
import uPlot from 'uplot';
import { type Drawn, rangeOf, timeAxis, uPlotRatio, valueAxis } from './painters/axes.ts';
import { changedFrom, looksOf, sameLabels } from './painters/change.ts';
import type { Hit, HitTest } from './painters/hit.ts';
import { type Extra, paintBehind, paintPane } from './painters/pane.ts';
import { paintRight } from './painters/right.ts';
import { type Frame, penOf, type Side, type Surface } from './painters/scene.ts';
import { type Span, spanOf } from './painters/span.ts';

/** Where the pointer is over a plot. */
export interface Pointer {
  /** Epoch ms of the row that it means, of the place itself where there is none near. */
  readonly time: number;
  readonly hit: Hit | null;
  /** CSS pixels from the left and top edge of the plot's element. */
  readonly x: number;
  readonly y: number;
}

/** What a plot needs from its surroundings. */
export interface PlotOptions {
  readonly host: HTMLElement;
  /** Finds the row under the pointer; null while that part of the page has not been loaded. */
  hitTest(): HitTest | null;
  /** Called when the pointer means another row or place; null when it has left. */
  onPointer(pointer: Pointer | null): void;
  /** Called when the picture has to be painted anew, because another line is hovered. */
  onStale(): void;
  /**
   * Called with the element that gestures are made on, and with what tells the time (epoch ms) at a distance from its left
   * edge in CSS pixels. The result is called when the plot goes.
   */
  onPlot?(over: HTMLElement, timeAt: (x: number) => number): () => void;
}

/** The window of all plots of a chart: how far back each shows depends on its pixel columns. */
export type Window = Omit<Frame, 'from'>;

/** What is drawn, and how it is laid out beside its neighbours. */
export interface PlotState extends Omit<Drawn, 'frame'> {
  readonly frame: Window;
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Width beside the plot for the labels at the lines' ends, in CSS pixels. */
  readonly gutter: number;
  /** Whether these labels carry the lines' names. */
  readonly withNames: boolean;
}

/** A line that is hovered from farther away than this, in CSS pixels, does not dim the others. */
const FOCUS_REACH = 36;

/** What is painted for a column reaches no farther to its left than this, in CSS pixels: the greatest dot, with its rim. */
const REACH = 10;

/** A plot's width has settled after so many layouts, or goes on between two widths of which either will do. */
const MOST_PASSES = 3;

let firstChartMarked = false;

/** A plot on the screen. `draw` repaints it whole from the state given to it. */
export class Plot {
  readonly #options: PlotOptions;
  readonly #uplot: uPlot;
  readonly #hairline = overlay('hairline');
  readonly #dot = overlay('hover-dot');
  readonly #fixed: string;
  readonly #letGo: (() => void) | null;
  #state: PlotState;
  /** Pixel columns that the scales are laid out for. */
  #columns = 1;
  #leftNeeded = 0;
  /** What the picture on the canvas was made of beside its rows; empty where it has to be painted whole. */
  #drawnAs = '';
  #extras: readonly Extra[] = [];
  /** What lies left of it on the canvas (device pixels) is not painted. */
  #paintFrom = 0;
  /** Where the pointer is, in CSS pixels of the plotting area. */
  #at: { readonly x: number; readonly y: number } | null = null;
  #hit: Hit | null = null;

  constructor(options: PlotOptions, state: PlotState) {
    this.#options = options;
    this.#state = state;
    this.#fixed = fixedParts(state);
    this.#uplot = this.#create();
    const { over } = this.#uplot;
    over.append(this.#hairline, this.#dot);
    this.#listen();
    this.#letGo = options.onPlot?.(over, (x) => this.#uplot.posToVal(x, 'x')) ?? null;
  }

  /** Whether the state can be drawn by this plot, or needs a new one: uPlot fixes fonts and sides when it is made. */
  fits(state: PlotState): boolean {
    return fixedParts(state) === this.#fixed;
  }

  /** Device pixels from the plot's left to its right edge, as it was last laid out. */
  get columns(): number {
    return this.#columns;
  }

  /** Width that the labels of the left axis need, in CSS pixels, as it was last laid out. */
  get leftNeeded(): number {
    return this.#leftNeeded;
  }

  /** Repaints with this state, as much as it takes. Call at most once a frame. */
  draw(state: PlotState): void {
    const u = this.#uplot;
    const before = this.#state;
    let isResized = state.width !== before.width || state.height !== before.height;
    this.#state = state;
    if (this.#repaint(before)) return;
    // Axes are laid out after the scales: where that changes the plot's width, its window is another one.
    for (let pass = 0; pass < MOST_PASSES; pass += 1) {
      u.batch(() => {
        if (isResized) u.setSize({ width: state.width, height: state.height });
        u.setData(this.#data());
        // Lays the axes out anew: their ticks depend on the zone, the theme and the values even where no scale changed.
        u.redraw(false, true);
      });
      isResized = false;
      const columns = Math.max(1, Math.round(u.bbox.width));
      if (columns === this.#columns) break;
      this.#columns = columns;
    }
    this.#drawnAs = this.#looks();
  }

  /** Paints what is new, where all else is as it is on the canvas. Returns whether it was. */
  #repaint(before: PlotState): boolean {
    const { pane, palette } = this.#state;
    if (this.#drawnAs === '' || palette !== before.palette || this.#looks() !== this.#drawnAs) return false;
    const u = this.#uplot;
    const { ctx } = u;
    const { left, width, ratio, span } = this.#surface(u);
    const changed = changedFrom(before.pane.lines, pane.lines, span);
    if (changed === Infinity && sameLabels(before.pane.lines, pane.lines)) return true;
    const column = Math.min(changed, width);
    const reach = Math.ceil(REACH * ratio);
    const from = Math.floor(left + column) - reach;
    // A dot that the clip cuts looks another; of a line's edges nobody sees it.
    const margin = pane.lines.some(({ shape }) => shape.kind === 'dots' || shape.kind === 'scatter') ? 2 * reach : 0;
    if (from - margin <= left) return false;
    const known = this.#extras;
    this.#paintFrom = from;
    paintRight(ctx, from, margin, () => u.batch(() => u.redraw(false, false)));
    this.#paintFrom = 0;
    const kept = (extras: readonly Extra[]): string => JSON.stringify(extras.filter(([at]) => at < from));
    return kept(known) === kept(this.#extras);
  }

  /** All that the picture depends on but the rows and the palette; empty where a line stands out. */
  #looks(): string {
    if (this.#focus() !== null) return '';
    const { pane, palette, ...rest } = this.#state;
    const { bbox, ctx } = this.#uplot;
    const { left, right, guides, lines } = pane;
    const drawn: Drawn = { ...this.#state, frame: this.#frame() };
    const ranges = (['left', 'right'] as const).map((side) =>
      rangeOf(drawn, side, bbox.height / uPlotRatio(this.#uplot)),
    );
    const { width, height } = ctx.canvas;
    return JSON.stringify([rest, left, right, guides, ranges, bbox, width, height, looksOf(lines, this.#span())]);
  }

  /** Shows the hairline at a time that the pointer means on a neighbour (epoch ms), or hides it. */
  showHairline(time: number | null): void {
    this.#hairline.hidden = time === null;
    if (time === null) return;
    this.#hairline.style.transform = `translateX(${Math.round(this.#uplot.valToPos(time, 'x'))}px)`;
  }

  /** Forgets the pointer, as when the visitor taps elsewhere. */
  leave(): void {
    this.#at = null;
    this.#point();
  }

  destroy(): void {
    this.#letGo?.();
    this.#uplot.destroy();
  }

  #create(): uPlot {
    const state = this.#state;
    const drawn = (): Drawn => ({ ...this.#state, frame: this.#frame() });
    const left = valueAxis(drawn, 'left', (width) => {
      this.#leftNeeded = width;
    });
    const right = state.pane.right === null ? null : valueAxis(drawn, 'right', () => {});
    const time = timeAxis(drawn);
    return new uPlot(
      {
        width: state.width,
        height: state.height,
        padding: [state.palette.textSize * 0.6, () => this.#state.gutter, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: { x: time.scale, left: left.scale, ...(right === null ? {} : { right: right.scale }) },
        axes: [time.axis, left.axis, ...(right === null ? [] : [right.axis])],
        series: [{}],
        hooks: {
          drawAxes: [(u) => paintBehind(this.#surface(u), this.#state.pane, this.#frame())],
          draw: [(u) => this.#paint(this.#surface(u))],
        },
      },
      this.#data(),
      this.#options.host,
    );
  }

  #span(): Span {
    const { to, bucketMs } = this.#state.frame;
    return spanOf(to, bucketMs, this.#columns);
  }

  #frame(): Frame {
    return { ...this.#state.frame, from: this.#span().from };
  }

  /** uPlot is given the window's two ends and nothing else: its x scale wants data, the rows are the painters'. */
  #data(): uPlot.AlignedData {
    const { from, to } = this.#span();
    return [Float64Array.of(from, to)];
  }

  #surface(u: uPlot): Surface {
    const { top, height } = u.bbox;
    const span = this.#span();
    // uPlot lays out to half a pixel. Columns are whole ones, from the right edge on, where the newest are.
    const width = span.columns;
    const left = Math.round(u.bbox.left + u.bbox.width) - width;
    return {
      ctx: u.ctx,
      from: this.#paintFrom,
      left,
      top,
      width,
      height,
      ...penOf(this.#state.palette, uPlotRatio(u)),
      span,
      x: (time) => left + (time - span.from) / span.bucketMs,
      columnX: (column) => left + column + 0.5,
      y: (value, side) => u.valToPos(value, this.#scale(side), true),
    };
  }

  #scale(side: Side): Side {
    return this.#state.pane.right === null ? 'left' : side;
  }

  #paint(surface: Surface): void {
    // The rows may have moved under a pointer that rests.
    this.#point();
    const { pane, withNames, gutter, width } = this.#state;
    this.#extras = paintPane(surface, pane, {
      focus: this.#focus(),
      withNames,
      // Where the right axis has only a part of the height, labels of the left one stand beside the plot itself.
      labels: {
        left: surface.left + surface.width + 8 * surface.ratio,
        right: (width - gutter) * uPlotRatio(this.#uplot) + 8 * surface.ratio,
      },
    });
    if (firstChartMarked || !pane.lines.some((line) => line.times.length > 0)) return;
    firstChartMarked = true;
    performance.mark('first-chart');
  }

  /** Name of the line that stands out; null while all are equal. */
  #focus(): string | null {
    return this.#hit !== null && this.#hit.distance <= FOCUS_REACH ? this.#hit.line.name : null;
  }

  #listen(): void {
    const { over } = this.#uplot;
    const move = (event: PointerEvent): void => {
      const box = over.getBoundingClientRect();
      this.#at = { x: event.clientX - box.left, y: event.clientY - box.top };
      const before = this.#focus();
      this.#point();
      if (this.#focus() !== before) this.#options.onStale();
    };
    over.addEventListener('pointermove', move);
    over.addEventListener('pointerdown', move);
    over.addEventListener('pointerleave', (event) => {
      // A finger that is lifted leaves its row on show; a tap elsewhere puts it away.
      if (event.pointerType !== 'mouse') return;
      this.leave();
      this.#options.onStale();
    });
  }

  /** Finds the row that the pointer means, marks it and tells the surroundings. */
  #point(): void {
    const u = this.#uplot;
    const at = this.#at;
    if (at === null) {
      if (this.#hit !== null || !this.#dot.hidden || !this.#hairline.hidden) this.#options.onPointer(null);
      this.#hit = null;
      // Even to say again what it is costs something, at every picture.
      if (!this.#dot.hidden) this.#dot.hidden = true;
      return;
    }
    const x = (time: number): number => u.valToPos(time, 'x');
    const y = (value: number, side: Side): number => u.valToPos(value, this.#scale(side));
    const time = (px: number): number => u.posToVal(px, 'x');
    this.#hit = this.#options.hitTest()?.(this.#state.pane.lines, { x, y, time }, at.x, at.y) ?? null;
    const line = this.#hit?.line;
    const rowTime = line?.times[this.#hit?.index ?? -1];
    const value = line?.values[this.#hit?.index ?? -1];
    this.#dot.hidden = rowTime === undefined;
    if (line !== undefined && rowTime !== undefined && value !== undefined)
      this.#dot.style.transform = `translate(${x(rowTime)}px, ${y(value, line.side)}px)`;
    const { offsetLeft, offsetTop } = u.over;
    this.#options.onPointer({
      time: rowTime ?? time(at.x),
      hit: this.#hit,
      x: at.x + offsetLeft,
      y: at.y + offsetTop,
    });
  }
}

function overlay(className: string): HTMLElement {
  const element = document.createElement('div');
  element.className = className;
  element.hidden = true;
  return element;
}

function fixedParts({ pane, palette, frame }: PlotState): string {
  return [
    palette.font,
    palette.textSize,
    pane.right !== null,
    pane.left.inverted === true,
    pane.right?.inverted === true,
    frame.timeAxis,
  ].join('|');
}
