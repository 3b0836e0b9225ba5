/** Runs in a browser: plots of the page's own, drawn on demand, and the pixels that two of them differ by. */
import { Plot, type PlotState } from '../../client/chart.ts';
import { rangeOf } from '../../client/painters/axes.ts';
import type { Palette, Pane, PaneLine, Shape } from '../../client/painters/scene.ts';
import { edgeAfter, type Span, spanOf } from '../../client/painters/span.ts';
import { bucketFor } from '../../shared/m4.ts';

/** What to draw. Sizes in CSS pixels. */
export interface PixelRequest {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly rangeMs: number;
  readonly bucketsAPixel: number;
}

/** The present of every picture, epoch ms. */
export const NOW = Date.UTC(2026, 10, 22, 14, 2, 3, 120);
/** Only lines are painted within a plot: what is not empty is theirs. */
const NOTHING = 'rgba(0, 0, 0, 0)';
export const PALETTE: Palette = {
  panel: '#13191f',
  text: '#e8edf1',
  second: '#a9b7c2',
  third: '#8595a2',
  grid: NOTHING,
  zero: NOTHING,
  alarm: '#ffc233',
  hatch: NOTHING,
  series: ['#62b0f0', '#f0a73a', '#35c2a0'],
  heat: ['#9fb2c1', '#e6d65c', '#f0a73a', '#f47c57'],
  font: 'sans-serif',
  textSize: 12,
  scale: 1,
};
const GUTTER = 64;
/** Wider than any labels, so that every line has the same plot. */
const LEFT_WIDTH = 96;

/** Rows of one line. */
export interface Rows {
  readonly times: Float64Array;
  readonly values: Float64Array;
}

/** A plot in the document, drawn on demand. */
export class Picture {
  readonly #host = document.createElement('div');
  readonly #size: { readonly width: number; readonly height: number };
  #plot: Plot | null = null;
  #state: PlotState | null = null;

  constructor(size: { readonly width: number; readonly height: number }) {
    this.#size = size;
    this.#host.style.cssText = `width:${size.width}px;height:${size.height}px`;
    document.body.append(this.#host);
  }

  get columns(): number {
    return this.#plot?.columns ?? 0;
  }

  /** @param palette another object makes the whole picture be painted anew. */
  draw(pane: Pane, { to, bucketMs }: Pick<Span, 'to' | 'bucketMs'>, palette = PALETTE): void {
    const state: PlotState = {
      pane,
      frame: { to, bucketMs, zone: 'utc', hatches: [], marks: [], timeAxis: true },
      palette,
      leftWidth: LEFT_WIDTH,
      gutter: GUTTER,
      withNames: false,
      ...this.#size,
    };
    this.#state = state;
    this.#plot ??= new Plot({ host: this.#host, hitTest: () => null, onPointer: () => {}, onStale: () => {} }, state);
    this.#plot.draw(state);
  }

  get pixels(): ImageData {
    const { canvas, context } = this.#canvas;
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  get #canvas(): { readonly canvas: HTMLCanvasElement; readonly context: CanvasRenderingContext2D } {
    const canvas = this.#host.querySelector('canvas');
    const context = canvas?.getContext('2d');
    if (canvas == null || context == null) throw new Error('there is no canvas');
    return { canvas, context };
  }

  /** The plotting area in device pixels, and where a value lies in it. */
  place(): { left: number; top: number; height: number; y(value: number): number } {
    const over = this.#host.querySelector<HTMLElement>('.u-over');
    if (over === null || this.#state === null) throw new Error('there is no plot');
    const css = (name: 'left' | 'top' | 'width' | 'height'): number => Number.parseFloat(over.style[name]);
    const ratio = this.#canvas.canvas.width / this.#size.width;
    const { to, bucketMs } = this.#state.frame;
    const { min, max } = rangeOf(
      { ...this.#state, frame: { ...this.#state.frame, from: spanOf(to, bucketMs, this.columns).from } },
      'left',
      css('height'),
    );
    const left = Math.round((css('left') + css('width')) * ratio) - this.columns;
    const [top, height] = [css('top') * ratio, css('height') * ratio];
    return { left, top, height, y: (value) => top + height * (1 - (value - min) / (max - min)) };
  }

  remove(): void {
    this.#plot?.destroy();
    this.#host.remove();
  }
}

function shapeOf(kind: Shape['kind'], values: Float64Array): Shape {
  switch (kind) {
    case 'dots':
      return { kind, solidFrom: 50, spread: true };
    case 'scatter':
      return { kind, z: values, threshold: new Float64Array(values.length).fill(Number.NaN), thinned: true };
    default:
      return { kind };
  }
}

/** A pane of one line. */
export function paneOf({ times, values }: Rows, kind: Shape['kind'], breakAfterMs: number | null): Pane {
  const line: PaneLine = {
    name: 'line',
    times,
    values,
    side: 'left',
    shape: shapeOf(kind, values),
    slot: 0,
    breakAfterMs,
    endText: kind === 'scatter' ? null : '42',
    staleFor: null,
    format: String,
    source: {
      stream: 'system_metrics',
      line: { name: null, times, columns: {}, texts: {}, arrivedAt: null, spacingMs: null, stale: false },
      symbol: '',
      derived: [],
    },
  };
  return {
    id: 'pane',
    title: null,
    left: { style: 'plain', keep: [] },
    right: null,
    guides: [],
    lines: [line],
    weight: 1,
  };
}

/** The rows at some indexes. */
export function rowsAt({ times, values }: Rows, indexes: readonly number[]): Rows {
  return {
    times: Float64Array.from(indexes, (index) => times[index] ?? Number.NaN),
    values: Float64Array.from(indexes, (index) => values[index] ?? Number.NaN),
  };
}

/** Pixels in which two pictures differ. */
export function differing(a: ImageData, b: ImageData): number {
  if (a.width !== b.width || a.height !== b.height) throw new Error('the pictures are of different sizes');
  const [left, right] = [new Uint32Array(a.data.buffer), new Uint32Array(b.data.buffer)];
  let count = 0;
  for (let i = 0; i < left.length; i += 1) if (left[i] !== right[i]) count += 1;
  return count;
}

/** The window of a request on a plot of that size. */
export function windowOf(request: PixelRequest, picture: Picture): Span {
  const none = { times: new Float64Array(0), values: new Float64Array(0) };
  picture.draw(paneOf(none, 'line', null), { to: NOW, bucketMs: 1000 });
  const { columns } = picture;
  const bucketMs = bucketFor(request.rangeMs, columns * request.bucketsAPixel) * request.bucketsAPixel;
  return spanOf(edgeAfter(NOW, bucketMs), bucketMs, columns);
}
