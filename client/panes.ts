/** The plots of one chart, stacked or side by side: same window, same gutter, one hairline through all of them. */
import { Plot, type PlotOptions, type PlotState, type Pointer, type Window } from './chart.ts';
import { type Drawable, drawNever, drawSoon } from './draw.ts';
import type { HitTest } from './painters/hit.ts';
import { labelsWidth, measureAnew } from './painters/labels.ts';
import { createRoom, NAMES_FROM_WIDTH } from './painters/room.ts';
import { type Palette, type Pane, penOf } from './painters/scene.ts';

/** What a chart shows at the moment. */
export interface Scene {
  readonly panes: readonly Pane[];
  readonly frame: Omit<Window, 'timeAxis'>;
  readonly palette: Palette;
  /** Panes that stand side by side; each of the lowest in its column carries the time axis. */
  readonly columns: number;
}

/** The pointer over one of a chart's panes. */
export interface PanePointer extends Pointer {
  readonly pane: Pane;
  readonly host: HTMLElement;
}

/** Labels take at most this share of a pane's width. */
const MOST_GUTTER = 0.42;
const GUTTER_STEP = 8;
/** Room for the half of a time label that stands at the plot's right end. */
const LEAST_GUTTER = 20;
/** How much of a pane's width its plot has, about: the rest is for axis and labels. */
const PLOT_SHARE = 0.8;
/** Scenes that are made for one frame until the layout has settled. */
const MOST_PASSES = 4;

/** What a chart needs from its surroundings. */
export interface PanesOptions {
  /**
   * What to draw on plots of so many pixel columns (device pixels; 0: not known); null for nothing yet. Asked once a frame in which
   * something has to be drawn, and again where the layout turns out to leave another width. To ask for the columns may have the page laid out.
   */
  scene(columns: () => number): Scene | null;
  /** Finds the row under the pointer; null while that part of the page has not been loaded. */
  hitTest(): HitTest | null;
  onPointer(pointer: PanePointer | null): void;
  /** Called when the labels gain or lose the lines' names; without them a legend has to name the lines. */
  onNames(shown: boolean): void;
  /** Called after every draw with the pixel columns of the widest plot; with what they will be about before there is one. */
  onColumns(columns: () => number): void;
  /** As of a single plot, for each that is made. */
  readonly onPlot?: PlotOptions['onPlot'];
}

/** Draws the panes of one chart into their elements. */
export class Panes implements Drawable {
  readonly #options: PanesOptions;
  readonly #hosts = new Map<string, HTMLElement>();
  readonly #plots = new Map<string, Plot>();
  readonly #resize = new ResizeObserver(() => drawSoon(this));
  readonly #measure = document.createElement('canvas').getContext('2d');
  #pointed: string | null = null;
  #scene: Scene | null = null;
  #named: boolean | null = null;
  /** Pixel columns of the widest plot; 0 before the first was laid out. */
  #columns = 0;
  /** Width of the widest left axis, in CSS pixels. */
  #leftWidth = 0;
  readonly #leftRoom = createRoom();
  /** Of the labels, without names and with them. */
  #gutters = [createRoom(), createRoom()] as const;

  constructor(options: PanesOptions) {
    this.#options = options;
  }

  /** Gives a pane its element, or takes it away. */
  attach(id: string, host: HTMLElement | null): void {
    const before = this.#hosts.get(id);
    if (before === host) return;
    if (before !== undefined) {
      this.#resize.unobserve(before);
      this.#plots.get(id)?.destroy();
      this.#plots.delete(id);
      this.#hosts.delete(id);
      if (this.#pointed === id) this.#point(id, null);
    }
    if (host === null) return;
    this.#hosts.set(id, host);
    this.#resize.observe(host);
    drawSoon(this);
  }

  draw(): void {
    // Labels, axes and columns decide on each other's width; once they have settled a single pass draws it all.
    for (let pass = 0; pass < MOST_PASSES; pass += 1) {
      const scene = this.#options.scene(() => this.#columns || this.#guess());
      // Another font or size of text: no width is worth keeping.
      if (scene?.palette !== this.#scene?.palette) {
        measureAnew();
        this.#gutters = [createRoom(), createRoom()];
      }
      this.#scene = scene;
      if (scene === null) {
        if (this.#columns === 0) this.#options.onColumns(() => this.#guess());
        return;
      }
      if (this.#drawScene(scene)) break;
    }
    if (this.#columns === 0) return;
    // Until the page's font is there, labels have another width; and a page that holds still would not draw again by itself.
    if (document.fonts.status === 'loaded') this.#options.onColumns(() => this.#columns);
    else document.fonts.ready.then(() => drawSoon(this));
  }

  /** Draws every pane. Returns whether all of them were laid out as this scene was made for. */
  #drawScene(scene: Scene): boolean {
    const { gutter, withNames } = this.#labels(scene);
    if (withNames !== this.#named) {
      this.#named = withNames;
      this.#options.onNames(withNames);
    }
    let columns = 0;
    let leftWidth = 0;
    for (const [index, pane] of scene.panes.entries()) {
      const host = this.#hosts.get(pane.id);
      if (host === undefined || host.clientWidth < 40 || host.clientHeight < 30) continue;
      const timeAxis = index >= scene.panes.length - scene.columns;
      const state: PlotState = {
        pane,
        frame: { ...scene.frame, timeAxis },
        palette: scene.palette,
        leftWidth: this.#leftWidth,
        width: host.clientWidth,
        height: host.clientHeight,
        gutter,
        withNames,
      };
      const plot = this.#plot(pane, host, state);
      plot.draw(state);
      columns = Math.max(columns, plot.columns);
      leftWidth = Math.max(leftWidth, plot.leftNeeded);
    }
    leftWidth = this.#leftRoom(leftWidth);
    const isSettled = columns === this.#columns && leftWidth === this.#leftWidth;
    this.#columns = columns;
    this.#leftWidth = leftWidth;
    return isSettled || columns === 0;
  }

  /** Puts the hovered row away. */
  leave(): void {
    if (this.#pointed === null) return;
    for (const plot of this.#plots.values()) plot.leave();
    drawSoon(this);
  }

  destroy(): void {
    drawNever(this);
    this.#resize.disconnect();
    for (const plot of this.#plots.values()) plot.destroy();
    this.#plots.clear();
    this.#hosts.clear();
  }

  /** Pixel columns that the widest plot will have, about; 0 while there is no element for one. */
  #guess(): number {
    const widest = Math.max(0, ...[...this.#hosts.values()].map((host) => host.clientWidth));
    return Math.round(widest * PLOT_SHARE * devicePixelRatio);
  }

  #width(id: string): number {
    return this.#hosts.get(id)?.clientWidth ?? 0;
  }

  #plot(pane: Pane, host: HTMLElement, state: PlotState): Plot {
    const existing = this.#plots.get(pane.id);
    if (existing?.fits(state)) return existing;
    existing?.destroy();
    const { onPlot } = this.#options;
    const made = new Plot(
      {
        host,
        hitTest: () => this.#options.hitTest(),
        onPointer: (pointer) => this.#point(pane.id, pointer),
        onStale: () => drawSoon(this),
        ...(onPlot === undefined ? {} : { onPlot }),
      },
      state,
    );
    this.#plots.set(pane.id, made);
    return made;
  }

  #point(id: string, pointer: Pointer | null): void {
    // A pane that the pointer left has no say over one that it has reached meanwhile.
    if (pointer === null && this.#pointed !== id) return;
    this.#pointed = pointer === null ? null : id;
    for (const plot of this.#plots.values()) plot.showHairline(pointer?.hit ? pointer.time : null);
    const host = this.#hosts.get(id);
    const pane = this.#scene?.panes.find((candidate) => candidate.id === id);
    this.#options.onPointer(
      pointer === null || host === undefined || pane === undefined ? null : { ...pointer, pane, host },
    );
  }

  /**
   * How wide the labels are beside the plots, and whether they carry names: only where there is room for both. The
   * width goes in steps and is the same for all panes, so that plots align and do not move with every digit.
   */
  #labels(scene: Scene): { gutter: number; withNames: boolean } {
    const narrowest = Math.min(...scene.panes.map((pane) => this.#width(pane.id)));
    const most = Math.floor(narrowest * MOST_GUTTER);
    if (narrowest >= NAMES_FROM_WIDTH) {
      const gutter = this.#gutter(scene, true);
      if (gutter <= most) return { gutter, withNames: true };
    }
    return { gutter: Math.min(this.#gutter(scene, false), most), withNames: false };
  }

  #gutter(scene: Scene, withNames: boolean): number {
    if (this.#measure === null) return 0;
    const surface = { ctx: this.#measure, ...penOf(scene.palette, 1) };
    const widths = scene.panes.map((pane) => labelsWidth(surface, pane.lines, withNames && pane.lines.length > 1));
    const widest = Math.max(0, ...widths);
    const needed = widest === 0 ? LEAST_GUTTER : Math.ceil((widest + 12 * surface.ratio) / GUTTER_STEP) * GUTTER_STEP;
    return this.#gutters[withNames ? 1 : 0](needed);
  }
}
